// Nearest texts by the cosine of TF-IDF weights, exactly: scores are those of double precision.
//
// The weight of a word is count * inverse frequency in the corpus (BagVocabulary::inverse_frequencies); rows have
// length
// 1. Words that the corpus lacks do not count. Scores that agree to 1e-12 are a tie: sums in another order differ by as
// much.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/select/bags/sparse_rows.h"
#include "data/select/near/neighbours.h"

namespace encore {

// Takes the corpus block by block. A query's scores over a block are added up word by word, from lists of the rows that
// hold each word.
class TfIdfNeighbours {
 public:
  // queries: counts by the corpus's vocabulary; a query without a known word has no neighbours.
  TfIdfNeighbours(std::vector<double> inverse_frequencies, const SparseRows& queries, int64_t k, int threads = 0);

  // The next rows of the corpus: counts.
  void add(const SparseRows& counts);
  // The k nearest of all rows added, with scores rounded to 1e-12. Throws Error where k is more than these.
  Neighbours take();

 private:
  struct Entry {
    int32_t index;  // a word of a query, or a row of a block
    double weight;
  };
  struct Postings {
    std::vector<int64_t> start;  // [columns + 1]
    std::vector<Entry> entry;
  };
  // The range of a row's values as weights of length 1, appended to out.
  void append_weights(const SparseRows& counts, int64_t row, std::vector<Entry>& out) const;
  Postings postings_of(const SparseRows& counts) const;
  void search(size_t query, const Postings&, int64_t rows, std::vector<double>& scores);

  std::vector<double> inverse_frequencies_;
  int64_t k_, rows_ = 0;
  int threads_;
  std::vector<std::vector<Entry>> queries_;
  std::vector<std::vector<Neighbour>> found_;  // by `before`, at most k
};

}  // namespace encore
