#include "train/vampire/vampire_batches.h"

#include <algorithm>

#include "data/sequences/batching.h"

namespace encore {

int64_t VampireBatches::per_epoch() const {
  const int64_t whole = set_.size() / documents_, rest = set_.size() % documents_;
  return std::max<int64_t>(1, whole + (rest > 1));
}

VampireCapacity VampireBatches::capacity() const {
  const int64_t documents = std::min(set_.size(), documents_ + (set_.size() % documents_ == 1));
  return {.documents = documents, .entries = set_.most_values(documents)};
}

void VampireBatches::fill(int64_t epoch, int64_t batch, VampireBatch& out) const {
  out.clear();
  const Permutation order(uint64_t(set_.size()), seed_, uint64_t(epoch));
  const int64_t first = batch * documents_, last = batch + 1 == per_epoch() ? set_.size() : first + documents_;
  for (int64_t place = first; place < last; ++place) set_.add(int64_t(order(uint64_t(place))), uint64_t(epoch), out);
}

}  // namespace encore
