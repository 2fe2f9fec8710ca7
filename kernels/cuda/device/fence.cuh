// Fences (sm_90).
#pragma once

#include <cuda_runtime.h>

namespace ptx {

// Makes this thread's ordinary writes to shared memory (cp.async among them) visible to TMA and wgmma. Comes before the
// barrier that hands the data over.
__device__ __forceinline__ void fence_proxy_async() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
// Makes mbarrier_init visible to TMA.
__device__ __forceinline__ void fence_mbarrier_init() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

}  // namespace ptx
