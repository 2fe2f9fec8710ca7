// Texts as rows of a sparse matrix: how often they hold each word of a vocabulary, or the TF-IDF weights of these.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "data/select/bags/bag_vocabulary.h"
#include "data/select/bags/sparse_rows.h"
#include "data/select/words/words.h"

namespace encore {

// Counts words. For one thread at a time. The vocabulary must outlive it.
class BagCounter {
 public:
  explicit BagCounter(const BagVocabulary& vocabulary)
      : vocabulary_(vocabulary), cutter_(WordPattern::kThreeToThirty) {}

  // Appends a row of counts, empty for a text without a known word. rows: empty, or of this vocabulary.
  void add(std::string_view text, SparseRows& rows);

 private:
  const BagVocabulary& vocabulary_;
  WordCutter cutter_;
  std::vector<int32_t> found_;  // columns of a text's words
};

// scikit-learn's TfidfTransformer with its defaults: count times inverse frequency, rows of length 1.
class TfIdf {
 public:
  explicit TfIdf(const BagVocabulary& vocabulary) : inverse_frequencies_(vocabulary.inverse_frequencies()) {}

  // Replaces the counts of rows from `first` on by their weights. An empty row stays so.
  void weigh(SparseRows& rows, int64_t first = 0) const;

 private:
  std::vector<double> inverse_frequencies_;
};

// The sum of a row's values.
double sum_of_row(const SparseRows&, int64_t row);

}  // namespace encore
