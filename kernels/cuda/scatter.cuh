// Where each row of a scatter's target comes from (kernels/ops/gather.h), so that every row is written once.
#pragma once

#include "kernels/cuda/elementwise.cuh"

namespace encore::cuda {

// source[rows[r]] = r, for the rows that count
__global__ void __launch_bounds__(kMapThreads)
    invert_kernel(const int32_t* rows, int64_t count, const int32_t* live, int32_t* source) {
  const int64_t r = int64_t(blockIdx.x) * kMapThreads + threadIdx.x;
  if (r < live_rows(live, count)) source[rows[r]] = int32_t(r);
}

}  // namespace encore::cuda
