// The executor's <cuda_runtime.h>: CUDA C++ as a host compiler sees it. Chosen by include path in place of the
// Toolkit's.
#pragma once

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __launch_bounds__(...)
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(n) __attribute__((aligned(n)))
// A bare __shared__ variable could be neither placed, poisoned nor watched, so it must not compile.
#define __shared__ _Pragma("GCC error \"use static_smem<T>() or dynamic_smem<T>() of <device_port.h>\"")

#include <simt/atomics.h>
#include <simt/core.h>
#include <simt/math.h>
#include <simt/runtime_api.h>
#include <simt/vector_types.h>
#include <simt/warp.h>

extern __thread uint3 threadIdx, blockIdx;
extern __thread dim3 blockDim, gridDim;
