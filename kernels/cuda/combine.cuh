// The second launch of every sum over rows: adds up the parts that blocks left, in a fixed order.
#pragma once

#include <device_port.h>

#include <cstdint>

#include "kernels/cuda/vector.cuh"

namespace encore::cuda {

struct CombineOutputs {
  float* of[4];  // null: skipped
};
inline constexpr int kCombineColumns = 32, kCombineThreads = 256;
struct CombineSums {
  float of[kCombineThreads / kCombineColumns][kCombineColumns];
};

// out[s][c] += sum over p of parts[p][s][c]: 32 columns a block, 8 rows of threads that each take every 8th part.
__global__ void __launch_bounds__(kCombineThreads)
    combine_kernel(const float* parts, int64_t count, int64_t sums, int64_t cols, CombineOutputs out) {
  constexpr int kLanes = kCombineThreads / kCombineColumns;
  auto& shared = static_smem<CombineSums>().of;
  const int column = int(threadIdx.x) % kCombineColumns, lane = int(threadIdx.x) / kCombineColumns;
  const int64_t c = int64_t(blockIdx.x) * kCombineColumns + column, s = blockIdx.y;
  float* const target = out.of[s];
  if (target == nullptr) return;
  float total = 0;
  if (c < cols)
#pragma unroll 8
    for (int64_t p = lane; p < count; p += kLanes) total += parts[(p * sums + s) * cols + c];
  shared[lane][column] = total;
  __syncthreads();
  if (lane > 0 || c >= cols) return;
  for (int i = 1; i < kLanes; ++i) total += shared[i][column];
  target[c] += total;
}

// The least index, of those that count, whose value is not in [low, limit); *first stays as it was when there is none.
__global__ void __launch_bounds__(256) first_outside_kernel(const int32_t* values, int64_t n, const int32_t* live,
                                                            int64_t low, int64_t limit, unsigned long long* first) {
  n = live_rows(live, n);
  for (int64_t i = int64_t(blockIdx.x) * 256 + threadIdx.x; i < n; i += int64_t(gridDim.x) * 256)
    if (values[i] < low || values[i] >= limit) atomicMin(first, static_cast<unsigned long long>(i));
}

}  // namespace encore::cuda
