#include "kernels/base/packed_batch.h"

#include <algorithm>
#include <numeric>

namespace encore {
namespace {

HostSegments group_by(const std::vector<int32_t>& ids) {
  HostSegments s;
  s.order.resize(ids.size());
  std::iota(s.order.begin(), s.order.end(), 0);
  std::stable_sort(s.order.begin(), s.order.end(), [&](int32_t a, int32_t b) { return ids[a] < ids[b]; });
  for (size_t i = 0; i < s.order.size(); ++i) {
    const int32_t id = ids[s.order[i]];
    if (s.row.empty() || s.row.back() != id) {
      s.row.push_back(id);
      s.start.push_back(int32_t(i));
    }
  }
  s.start.push_back(int32_t(ids.size()));
  return s;
}

}  // namespace

void PackedBatch::finish(int32_t pad_id) {
  const size_t total = ids.size();
  position_ids.resize(total);
  row_sequence.resize(total);
  row_position.resize(total);
  for (int64_t n = 0; n < sequences(); ++n) {
    int32_t seen = 0;
    for (int32_t r = cu_seqlens[n]; r < cu_seqlens[n + 1]; ++r) {
      const bool real = ids[r] != pad_id;
      seen += real;
      position_ids[r] = (real ? seen : 0) + pad_id;
      row_sequence[r] = int32_t(n);
      row_position[r] = r - cu_seqlens[n];
    }
  }
  word_segments = group_by(ids);
  position_segments = group_by(position_ids);
}

void PackedBatch::clear() {
  *this = PackedBatch();
}

}  // namespace encore
