// Checks of the lists that cut rows into runs: sequences of a packed batch, segments of an embedding gradient, bags of
// words. They are one for all backends, on values that the host can read: those of the CPU backend as they lie, those
// of a device copied back. Every function throws Error naming the op, the list, the index and the value.
#pragma once

#include <cstdint>
#include <span>

namespace encore {

// As in AttentionShape (attention.h). cu_seqlens_q and q_position may be empty: every row is a query.
struct SequenceLists {
  std::span<const int32_t> cu_seqlens;    // [N+1]
  std::span<const int32_t> cu_seqlens_q;  // [N+1]
  std::span<const int32_t> q_position;    // [R]
};
struct SequenceRows {
  int64_t tokens, queries;
  bool spare_rows = false;  // the sequences may end before the rows do
};
void check_sequences(const char* op, const SequenceLists&, const SequenceRows&);

// As in RowSegments (embedding.h), without the spare segments: start has at least an element more than row.
struct SegmentLimits {
  int64_t tokens;  // that the segments cover
  int64_t rows;    // of the table
};
void check_segments(const char* op, const char* name, std::span<const int32_t> start, std::span<const int32_t> row,
                    const SegmentLimits&);

// As in Bags and BagsByWord (bags.h): `start` cuts `index` into runs, and every index is below `limit`.
void check_runs(const char* op, const char* name, std::span<const int32_t> start, int64_t entries);
void check_index(const char* op, const char* name, std::span<const int32_t> index, int64_t limit);

}  // namespace encore
