// Near-duplicates: texts whose word 5-shingles have a Jaccard index of at least a threshold.
//
// A shingle is five words in a row (WordPattern::kTwoOrMore: lower case, runs of two letters or digits and more, so
// that white space and punctuation do not count); a text of fewer words has one shingle of all its words, a text
// without words none, and is like no other. Pairs are found by locality-sensitive hashing of MinHash signatures (Broder
// 1997) of 128 values, cut into bands: texts that agree in a band are compared by the exact Jaccard index of their
// shingles, so no pair below the threshold is ever taken for one. A pair at the threshold is missed with a probability
// of at most 0.001. The hash functions are fixed: equal input gives equal results.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/select/words/words.h"

namespace encore {

// The sorted, different hashes (XXH64) of a text's shingles.
std::vector<uint64_t> shingles_of(std::string_view text);

// |A and B| / |A or B| of sorted lists without repetition; 0 for two empty ones.
double jaccard(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b);

class NearDuplicates {
 public:
  static constexpr int kValues = 128;  // of a signature
  static constexpr int64_t kNone = -1;

  // threshold: in (0, 1]. Throws Error for another.
  explicit NearDuplicates(double threshold);

  // The first text added whose Jaccard index with this one is at least the threshold; kNone: there is none.
  int64_t find(std::string_view text) const;
  // Adds a text, numbered from 0 in the order of the calls.
  void add(std::string_view text);

  int bands() const { return bands_; }
  int rows() const { return rows_; }  // values of a band

 private:
  // A hash for each band.
  std::vector<uint64_t> bands_of(const std::vector<uint64_t>& shingles) const;

  double threshold_;
  int rows_ = 1, bands_ = kValues;
  std::vector<std::vector<uint64_t>> shingles_;                         // of each text
  std::vector<std::unordered_map<uint64_t, std::vector<int64_t>>> at_;  // [band]: texts by the hash of their band
};

}  // namespace encore
