// Column sums that blocks left in parts, added up in a fixed order: the second half of every sum over rows.
#pragma once

#include <device_port.h>

#include <cstdint>

#include "kernels/cuda/rows/unit.cuh"

namespace encore::cuda {

inline constexpr int kCombineColumns = 32, kCombineThreads = 256;
static_assert(kCombineColumns == 32 && kCombineThreads % 32 == 0, "a warp reads 32 neighbouring columns of a part");
struct CombineSums {
  float of[kCombineThreads / kCombineColumns][kCombineColumns];
};

// target[c] += sum over p of parts[p * ld + c], for the 32 columns from `first` on. Every thread of the block calls it,
// at most once in a kernel.
// Warps: warp w adds up the parts w, w + 8, ... of its lane's column; warp 0 adds the warps' sums and writes.
// Shared memory: one sum a warp and column (1 KB).
// Numbers: 8 warps a block. 32 changed nothing for GELU and made LayerNorm backward slower (docs/performance.md).
__device__ __forceinline__ void combine_columns(const float* parts, int64_t count, int64_t ld, int64_t cols,
                                                int64_t first, float* target) {
  constexpr int kWarps = kCombineThreads / kCombineColumns;
  auto& shared = static_smem<CombineSums>().of;
  const int column = int(threadIdx.x) % kCombineColumns, warp = int(threadIdx.x) / kCombineColumns;
  const int64_t c = first + column;
  float total = 0;
  if (c < cols)
#pragma unroll 8
    for (int64_t p = warp; p < count; p += kWarps) total += parts[p * ld + c];
  shared[warp][column] = total;
  __syncthreads();
  if (warp > 0 || c >= cols) return;
#pragma unroll
  for (int i = 1; i < kWarps; ++i) total += shared[i][column];
  target[c] += total;
}

}  // namespace encore::cuda
