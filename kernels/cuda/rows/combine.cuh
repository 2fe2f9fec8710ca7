// The second launch of every sum over rows. One translation unit includes it (cuda_backend.cu): CudaBackend::combine is
// how the ops call it.
#pragma once

#include <device/early_launch.cuh>

#include "kernels/cuda/rows/partial_sums.cuh"

namespace encore::cuda {

struct CombineOutputs {
  float* of[4];  // null: skipped
};

// of[s][c] += sum over p of parts[p][s][c], parts [count][sums][cols].
// Warps: block (x, y) has 32 columns of sum y; combine_columns names its warps' work.
// Pipeline: an early launch (device/early_launch.cuh): the grid may start while the kernel that writes the parts still
//   runs, so nothing may be read before wait_for_earlier_launches().
__global__ void __launch_bounds__(kCombineThreads)
    combine_kernel(const float* parts, int64_t count, int64_t sums, int64_t cols, CombineOutputs out) {
  ptx::wait_for_earlier_launches();
  float* const target = out.of[blockIdx.y];
  if (target)
    combine_columns(parts + int64_t(blockIdx.y) * cols, count, sums * cols, cols, int64_t(blockIdx.x) * kCombineColumns,
                    target);
}

}  // namespace encore::cuda
