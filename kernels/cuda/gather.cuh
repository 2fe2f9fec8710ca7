// Gather and scatter (kernels/ops/gather.h) beyond the row loop of rows/map.cuh.
#pragma once

#include "kernels/cuda/rows/map.cuh"

namespace encore::cuda {

// y += x.
struct Added : Identity {
  static constexpr bool kAdds = true;
};

// source[rows[r]] = r, for the live rows: the row of dy that each row of a scatter's target comes from, so that a
// gather by `source` writes every row of the target once.
// Warps: a thread has one row.
// Shared memory, pipeline: none.
// Invariants: no row stands twice in `rows` (kernels/ops/gather.h), so no two threads write to one place.
__global__ void __launch_bounds__(kMapThreads)
    invert_kernel(const int32_t* rows, int64_t count, const int32_t* live, int32_t* source) {
  const int64_t r = int64_t(blockIdx.x) * kMapThreads + threadIdx.x;
  if (r < live_rows(live, count)) source[rows[r]] = int32_t(r);
}

}  // namespace encore::cuda
