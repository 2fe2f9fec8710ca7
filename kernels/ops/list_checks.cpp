#include "kernels/ops/list_checks.h"

#include "kernels/base/check.h"

namespace encore {
namespace {

void check_starts(const char* op, const char* name, std::span<const int32_t> s, int64_t rows, bool spare) {
  check(s.front() == 0 && (spare ? s.back() <= rows : s.back() == rows), "{}: {} runs from {} to {}, not from 0 to {}",
        op, name, s.front(), s.back(), rows);
  for (size_t i = 0; i + 1 < s.size(); ++i)
    check(s[i] <= s[i + 1], "{}: {} falls from {} to {} at sequence {}", op, name, s[i], s[i + 1], i);
}

}  // namespace

void check_sequences(const char* op, const SequenceLists& lists, const SequenceRows& rows) {
  const auto &keys = lists.cu_seqlens, &queries = lists.cu_seqlens_q, &position = lists.q_position;
  check_starts(op, "cu_seqlens", keys, rows.tokens, rows.spare_rows);
  if (queries.empty()) return;
  check_starts(op, "cu_seqlens_q", queries, rows.queries, rows.spare_rows);
  for (size_t n = 0; n + 1 < queries.size(); ++n)
    for (size_t r = size_t(queries[n]); r < size_t(queries[n + 1]); ++r) {
      const int32_t before = r > size_t(queries[n]) ? position[r - 1] : -1, length = keys[n + 1] - keys[n];
      check(position[r] > before && position[r] < length,
            "{}: q_position[{}] is {}: it must rise from 0 to below {} within sequence {}", op, r, position[r], length,
            n);
    }
}

void check_segments(const char* op, const char* name, std::span<const int32_t> start, std::span<const int32_t> row,
                    const SegmentLimits& limits) {
  check(start[0] == 0 && start[row.size()] == limits.tokens, "{}: {} segments span {} .. {}, not the {} tokens", op,
        name, start[0], start[row.size()], limits.tokens);
  for (size_t i = 0; i < row.size(); ++i)
    check(start[i] <= start[i + 1] && row[i] >= 0 && row[i] < limits.rows && (i == 0 || row[i - 1] < row[i]),
          "{}: {} segment {} of row {} spans {} .. {}", op, name, i, row[i], start[i], start[i + 1]);
}

void check_runs(const char* op, const char* name, std::span<const int32_t> start, int64_t entries) {
  check(start.front() == 0 && start.back() == entries, "{}: {} runs from {} to {}, not from 0 to the {} entries", op,
        name, start.front(), start.back(), entries);
  for (size_t i = 0; i + 1 < start.size(); ++i)
    check(start[i] <= start[i + 1], "{}: {} falls from {} to {} at {}", op, name, start[i], start[i + 1], i + 1);
}

void check_index(const char* op, const char* name, std::span<const int32_t> index, int64_t limit) {
  for (size_t i = 0; i < index.size(); ++i)
    check(index[i] >= 0 && index[i] < limit, "{}: {}[{}] is {}, not in 0 .. {}", op, name, i, index[i], limit - 1);
}

}  // namespace encore
