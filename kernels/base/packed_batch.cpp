#include "kernels/base/packed_batch.h"

#include <algorithm>
#include <numeric>

namespace encore {

HostSegments group_by_row(const std::vector<int32_t>& rows) {
  HostSegments s;
  s.order.resize(rows.size());
  std::iota(s.order.begin(), s.order.end(), 0);
  std::stable_sort(s.order.begin(), s.order.end(), [&](int32_t a, int32_t b) { return rows[a] < rows[b]; });
  for (size_t i = 0; i < s.order.size(); ++i) {
    const int32_t row = rows[s.order[i]];
    if (s.row.empty() || s.row.back() != row) {
      s.row.push_back(row);
      s.start.push_back(int32_t(i));
    }
  }
  s.start.push_back(int32_t(rows.size()));
  return s;
}

void PackedBatch::finish() {
  row_sequence.resize(ids.size());
  row_position.resize(ids.size());
  for (int64_t n = 0; n < sequences(); ++n)
    for (int32_t r = cu_seqlens[n]; r < cu_seqlens[n + 1]; ++r) {
      row_sequence[r] = int32_t(n);
      row_position[r] = r - cu_seqlens[n];
    }
  word_segments = group_by_row(ids);
}

void PackedBatch::clear() {
  *this = PackedBatch();
}

}  // namespace encore
