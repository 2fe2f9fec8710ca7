// Normalised pointwise mutual information of topics: how often the words of a topic stand together in the texts of a
// reference corpus.
//
// For words i and j of a topic, N the number of texts, n_i of those with word i, n_ij of those with both:
//   npmi(i, j) = (ln N + ln n_ij - ln n_i - ln n_j) / (ln N - ln n_ij)
// Pairs with a word that no text holds do not exist. n_ij = N is 0/0, and counts as 0 in both readings:
//   standard  n_ij = 0 gives -1; the mean over the pairs that exist (Bouma 2009)
//   vampire   n_ij = 0 gives 0, and so do words that occur together alone, whose value is 1; the sum over the pairs,
//             divided by all pairs of words, existing or not (allenai/vampire, models/vampire.py)
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "data/select/bags/sparse_rows.h"

namespace encore {

// How many texts hold each word of some topics, and each pair of words of one topic.
class PairCounts {
 public:
  static constexpr int64_t kMostWords = 64;  // of a topic

  // topics: columns of words, from 1 on, all different within a topic. Throws Error for a topic without words or with
  // more than kMostWords, and for a column out of range.
  PairCounts(std::vector<std::vector<int32_t>> topics, int32_t columns);

  // Counts the rows [first, last) as texts; a value is a word that the text holds. Rows without values count too.
  void add(const SparseRows&, int64_t first, int64_t last);
  // Adds the counts of the same topics in other texts.
  void add(const PairCounts&);

  const std::vector<std::vector<int32_t>>& topics() const { return topics_; }
  int64_t texts() const { return texts_; }
  // Of word a of a topic, or of its words a and b; a != b.
  int64_t with(int64_t topic, int64_t a) const { return singles_[size_t(topic)][size_t(a)]; }
  int64_t with(int64_t topic, int64_t a, int64_t b) const;

 private:
  struct Place {
    int32_t topic, word;
  };
  std::vector<std::vector<int32_t>> topics_;
  std::vector<std::vector<int64_t>> singles_, pairs_;  // by topic; pairs: a * words + b for a < b
  std::vector<int32_t> first_place_;                   // [columns + 1]
  std::vector<Place> places_;                          // of each column
  std::vector<uint64_t> held_;                         // by topic: bits of the words that a text holds
  int64_t texts_ = 0;
};

struct TopicNpmi {
  double vampire = 0, standard = 0;
  int64_t pairs = 0;  // that exist
};

struct Npmi {
  // Over all topics. standard: the mean over the existing pairs of all topics, 0 where there is none.
  double vampire = 0, standard = 0;
  std::vector<TopicNpmi> topics;
};

// One pair. REQUIRES: 0 < with_a, with_b; with_both <= with_a, with_b <= texts.
double npmi_standard(int64_t texts, int64_t with_a, int64_t with_b, int64_t with_both);
double npmi_vampire(int64_t texts, int64_t with_a, int64_t with_b, int64_t with_both);

Npmi npmi_of(const PairCounts&);

// The `count` columns of the largest weights of each topic, by falling weight, equal weights by column; column 0, the
// unknown word, is none of them. weights: [columns, topics], a row a word. Fewer where there are fewer words.
std::vector<std::vector<int32_t>> top_words(const std::vector<float>& weights, int64_t topics, int64_t count);

}  // namespace encore
