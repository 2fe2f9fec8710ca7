// The second launch of every sum over rows: adds up the parts that blocks left, in a fixed order.
#pragma once

#include <device/early_launch.cuh>

#include "kernels/cuda/column_parts.cuh"

namespace encore::cuda {

struct CombineOutputs {
  float* of[4];  // null: skipped
};
// An early launch.
__global__ void __launch_bounds__(kCombineThreads)
    combine_kernel(const float* parts, int64_t count, int64_t sums, int64_t cols, CombineOutputs out) {
  ptx::wait_for_earlier_launches();
  float* const target = out.of[blockIdx.y];
  if (target)
    combine_columns(parts + int64_t(blockIdx.y) * cols, count, sums * cols, cols, int64_t(blockIdx.x) * kCombineColumns,
                    target);
}

}  // namespace encore::cuda
