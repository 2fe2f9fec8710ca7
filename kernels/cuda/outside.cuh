// The check of indices before a kernel uses them as addresses.
#pragma once

#include <device_port.h>

#include <cstdint>

#include "kernels/cuda/rows/unit.cuh"

namespace encore::cuda {

// *first = the least index below `live` whose value is not in [low, limit); unchanged when there is none.
__global__ void __launch_bounds__(256) first_outside_kernel(const int32_t* values, int64_t n, const int32_t* live,
                                                            int64_t low, int64_t limit, unsigned long long* first) {
  n = live_rows(live, n);
  for (int64_t i = int64_t(blockIdx.x) * 256 + threadIdx.x; i < n; i += int64_t(gridDim.x) * 256)
    if (values[i] < low || values[i] >= limit) atomicMin(first, static_cast<unsigned long long>(i));
}

}  // namespace encore::cuda
