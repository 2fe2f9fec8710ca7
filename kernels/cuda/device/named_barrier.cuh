// Named barriers 0..15 over part of a block (sm_70). `threads` is a multiple of 32 and the same for all who use a
// barrier; barrier 0 is __syncthreads.
#pragma once

#include <cuda_runtime.h>

namespace ptx {

__device__ __forceinline__ void named_barrier_sync(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
__device__ __forceinline__ void named_barrier_arrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

}  // namespace ptx
