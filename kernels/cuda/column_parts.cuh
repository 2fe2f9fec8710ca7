// Column sums that blocks left in parts, added up in a fixed order.
#pragma once

#include <device_port.h>

#include <cstdint>

#include "kernels/cuda/vector.cuh"

namespace encore::cuda {

inline constexpr int kCombineColumns = 32, kCombineThreads = 256;
struct CombineSums {
  float of[kCombineThreads / kCombineColumns][kCombineColumns];
};

// target[c] += sum over p of parts[p * ld + c], for 32 columns from the first; kLanes warps each take every kLanes-th
// part.
__device__ __forceinline__ void combine_columns(const float* parts, int64_t count, int64_t ld, int64_t cols,
                                                int64_t first, float* target) {
  constexpr int kLanes = kCombineThreads / kCombineColumns;
  auto& shared = static_smem<CombineSums>().of;
  const int column = int(threadIdx.x) % kCombineColumns, lane = int(threadIdx.x) / kCombineColumns;
  const int64_t c = first + column;
  float total = 0;
  if (c < cols)
#pragma unroll 8
    for (int64_t p = lane; p < count; p += kLanes) total += parts[p * ld + c];
  shared[lane][column] = total;
  __syncthreads();
  if (lane > 0 || c >= cols) return;
#pragma unroll
  for (int i = 1; i < kLanes; ++i) total += shared[i][column];
  target[c] += total;
}

}  // namespace encore::cuda
