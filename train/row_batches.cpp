#include "train/row_batches.h"

#include <algorithm>
#include <numeric>

#include "data/sequences/batching.h"

namespace encore {

std::vector<Rows> cut_by_tokens(const ClassificationSet& set, const Rows& rows, int64_t budget) {
  std::vector<Rows> pieces;
  int64_t tokens = 0;
  for (int64_t row : rows) {
    if (pieces.empty() || tokens + set.length(row) > budget) {
      pieces.emplace_back();
      tokens = 0;
    }
    pieces.back().push_back(row);
    tokens += set.length(row);
  }
  return pieces;
}

Rows rows_by_length(const ClassificationSet& set) {
  Rows rows(static_cast<size_t>(set.size()));
  std::iota(rows.begin(), rows.end(), 0);
  std::stable_sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) { return set.length(a) < set.length(b); });
  return rows;
}

Rows training_rows(const ClassificationSet& set, int64_t first, int64_t batch_size, uint64_t seed, uint64_t epoch) {
  const Permutation order(uint64_t(set.size()), seed, epoch);
  Rows rows;
  for (int64_t i = first; i < std::min(first + batch_size, set.size()); ++i)
    rows.push_back(int64_t(order(uint64_t(i))));
  return rows;
}

int64_t count_tokens(const ClassificationSet& set, const Rows& rows) {
  return std::accumulate(rows.begin(), rows.end(), int64_t(0),
                         [&](int64_t sum, int64_t row) { return sum + set.length(row); });
}

int64_t longest_row(const ClassificationSet& set) {
  int64_t longest = 0;
  for (int64_t i = 0; i < set.size(); ++i) longest = std::max(longest, set.length(i));
  return longest;
}

}  // namespace encore
