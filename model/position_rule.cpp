#include "model/position_rule.h"

#include <algorithm>

namespace encore {

int64_t first_position(PositionRule rule, int32_t pad_token_id) {
  return rule == PositionRule::kAfterPadding ? int64_t(pad_token_id) + 1 : 0;
}

void number_positions(PositionRule rule, int32_t pad_token_id, const PackedBatch& b, std::vector<int32_t>& out) {
  if (rule == PositionRule::kFromZero) {
    out = b.row_position;
    return;
  }
  out.resize(b.ids.size());
  for (int64_t n = 0; n < b.sequences(); ++n) {
    int32_t last = pad_token_id;
    for (int32_t r = b.cu_seqlens[n]; r < b.cu_seqlens[n + 1]; ++r)
      out[r] = b.ids[r] == pad_token_id ? pad_token_id : ++last;
  }
}

// Positions are dense and small, so counting them is several times faster than the sort that ids need.
void group_positions(const std::vector<int32_t>& positions, HostSegments& out) {
  out.row.clear();
  out.start.clear();
  std::vector<int32_t> next;  // of each position: how many tokens have it, then where its next token goes
  for (const int32_t p : positions) {
    if (size_t(p) >= next.size()) next.resize(size_t(p) + 1);
    ++next[p];
  }
  int32_t begin = 0;
  for (size_t p = 0; p < next.size(); ++p) {
    const int32_t count = next[p];
    next[p] = begin;
    if (count == 0) continue;
    out.row.push_back(int32_t(p));
    out.start.push_back(begin);
    begin += count;
  }
  out.start.push_back(begin);
  out.order.resize(positions.size());
  for (size_t i = 0; i < positions.size(); ++i) out.order[next[positions[i]]++] = int32_t(i);
}

}  // namespace encore
