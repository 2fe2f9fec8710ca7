// Bulk copies of contiguous bytes into shared memory (sm_90): the TMA unit without a tensor map.
#pragma once

#include <device/mbarrier.cuh>

namespace ptx {

// `bytes` at `source`, in global memory, to `destination`, in this block's shared memory; they count on `barrier`. All
// three are multiples of 16. One thread issues.
__device__ __forceinline__ void bulk_load(void* destination, const void* source, uint32_t bytes, uint64_t* barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                   shared_address(destination)),
               "l"(source), "r"(bytes), "r"(shared_address(barrier))
               : "memory");
}

}  // namespace ptx
