// The sum of squares of a flat fp32 buffer (kernels/ops/reduce.h). The bias gradient, the other reduction, is a use of
// rows/columns.cuh.
#pragma once

#include <device_port.h>

#include "kernels/cuda/rows/unit.cuh"

namespace encore::cuda {

inline constexpr int kReduceThreads = 256;
inline constexpr int64_t kSquaresPiece = int64_t(kReduceThreads) * kUnit, kSquaresBlocks = 1024;

struct DoubleSums {
  double of[kReduceThreads];
};
// Thread 0 gets the sum over the block, added as a tree over the threads' numbers; the others get 0. At most once in a
// kernel: nothing protects the shared sums from a second call.
__device__ __forceinline__ double block_sum(double v) {
  static_assert((kReduceThreads & (kReduceThreads - 1)) == 0, "the tree halves the threads");
  auto& shared = static_smem<DoubleSums>().of;
  shared[threadIdx.x] = v;
  for (int step = kReduceThreads / 2; step > 0; step /= 2) {
    __syncthreads();
    if (int(threadIdx.x) < step) shared[threadIdx.x] += shared[threadIdx.x + step];
  }
  return threadIdx.x == 0 ? shared[0] : 0;
}

// parts[block] = the sum of squares of the pieces block, block + gridDim.x, ... of kSquaresPiece elements, in fp64.
// Warps: a thread has 8 neighbouring elements of each piece; block_sum adds the threads' sums up.
// Shared memory: a double a thread (2 KB).
// Pipeline: none: the next piece's load does not wait for the sum.
// Invariants: the order of a sum depends on n alone, not on the device: the grid is min(pieces, kSquaresBlocks).
// Numbers: 1,024 blocks; n is read once and nothing else (bench/kernels/cost.md).
__global__ void __launch_bounds__(kReduceThreads) squares_kernel(const float* x, int64_t n, bool wide, double* parts) {
  double sum = 0;
  for (int64_t at = (int64_t(blockIdx.x) * kReduceThreads + threadIdx.x) * kUnit; at < n;
       at += int64_t(gridDim.x) * kReduceThreads * kUnit) {
    float v[kUnit];
    load_unit(x + at, n - at < kUnit ? int(n - at) : kUnit, wide, v);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) sum += double(v[i]) * double(v[i]);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

// *result += the sum of the parts.
// Warps: one block; thread t has the parts t, t + 256, ...
// Shared memory: a double a thread (2 KB).
// Invariants: as of squares_kernel.
__global__ void __launch_bounds__(kReduceThreads) add_parts_kernel(const double* parts, int count, double* result) {
  double sum = 0;
  for (int i = int(threadIdx.x); i < count; i += kReduceThreads) sum += parts[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) *result += sum;
}

}  // namespace encore::cuda
