// The nearest of a corpus's rows to a query, and the rule by which they are ordered everywhere.
#pragma once

#include <cstdint>
#include <vector>

namespace encore {

struct Neighbour {
  double score = 0;  // cosine
  int64_t id = 0;    // row of the corpus
};

// Falling score, equal scores by rising id.
inline bool before(const Neighbour& a, const Neighbour& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

struct Neighbours {
  std::vector<std::vector<Neighbour>> of;  // [query][rank]; empty for a query without direction
  int64_t queries_without = 0;             // their number: a zero vector, a text without a known word
};

}  // namespace encore
