// Which rows of the packed batch a block works on.
//
// Every sequence is cut into tiles of its own, so how many tiles there are depends on the lengths, which the host does
// not read. The grid has an upper bound of them in x (tile_bound) and the heads in y. Each block finds its tile by a
// prefix sum over the lengths; a block without one returns.
#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/attention/launches.h"

namespace encore::cuda {

constexpr unsigned kWholeWarp = 0xffffffffu;

struct SequenceTile {
  int sequence;  // -1: there is no such tile
  int first;     // its first row within the sequence
};

// The index-th tile of `rows` rows. Sequence number `sequences` is the spare rows past the last sequence, up to row
// `end`. Every warp of a block calls it.
__device__ __forceinline__ SequenceTile find_tile(const int32_t* starts, int sequences, int64_t end, int rows,
                                                  int index) {
  const int lane = int(threadIdx.x) % 32;
  for (int base = 0; base <= sequences; base += 32) {
    const int n = base + lane;
    int count = 0;
    if (n <= sequences) count = ((n < sequences ? starts[n + 1] : int(end)) - starts[n] + rows - 1) / rows;
    int sum = count;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
      const int before = __shfl_up_sync(kWholeWarp, sum, unsigned(step));
      if (lane >= step) sum += before;
    }
    const unsigned past = __ballot_sync(kWholeWarp, sum > index);
    if (past != 0) {
      const int owner = __ffs(int(past)) - 1;
      return {base + owner, (index - __shfl_sync(kWholeWarp, sum - count, owner)) * rows};
    }
    index -= __shfl_sync(kWholeWarp, sum, 31);
  }
  return {-1, 0};
}
// An upper bound on the number of tiles that needs no lengths.
inline unsigned tile_bound(int64_t rows, int sequences, int tile_rows) {
  return unsigned(rows / tile_rows + sequences + 1);
}

// The rows of a sequence, and the rows that they attend to. The spare rows attend to nothing, and nothing to them.
struct SequenceRows {
  int64_t key_start, query_start;
  int keys, queries;
};
enum class TilesOf { kQueries, kKeys };
template <TilesOf kTilesOf>
__device__ __forceinline__ SequenceRows sequence_rows(const AttentionArguments& a, int sequence) {
  constexpr bool kOfKeys = kTilesOf == TilesOf::kKeys;
  const int32_t key_start = a.cu_seqlens[sequence], query_start = a.cu_seqlens_q[sequence];
  if (sequence < a.sequences)
    return {.key_start = key_start,
            .query_start = query_start,
            .keys = a.cu_seqlens[sequence + 1] - key_start,
            .queries = a.cu_seqlens_q[sequence + 1] - query_start};
  return {.key_start = key_start,
          .query_start = query_start,
          .keys = kOfKeys ? int(a.tokens) - key_start : 0,
          .queries = kOfKeys ? 0 : int(a.queries) - query_start};
}

// A head's rows from `row` on; column: the head's first.
template <class T>
__device__ __forceinline__ T* head_rows(const HeadMatrix& m, int64_t row, int column) {
  return static_cast<T*>(m.data) + row * m.ld + column;
}

}  // namespace encore::cuda
