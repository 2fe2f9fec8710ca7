// Clusters of blocks and their distributed shared memory (sm_90). All threads of a warp call the barrier together.
#pragma once

#include <cuda_runtime.h>

#include <device/address.cuh>

namespace ptx {

// The kernels for clusters are laid out for Hopper. On other architectures they have empty bodies, and are never
// launched.
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ / 100 == 9
inline constexpr bool kHasClusters = true;
#else
inline constexpr bool kHasClusters = false;
#endif

__device__ __forceinline__ unsigned cluster_rank() {
  unsigned rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
__device__ __forceinline__ unsigned cluster_size() {
  unsigned size;
  asm("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
  return size;
}
// The barrier of all threads of the cluster, in two halves. What was written before the first half, in any block's
// shared memory, may be read after the second.
__device__ __forceinline__ void cluster_arrive() {
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}
__device__ __forceinline__ void cluster_wait() {
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}
// Writes to the shared memory of the block with that rank, at the place of p in this one's, and then counts 8 bytes off
// its mbarrier at the place of b: asynchronous (st.async), and the barrier's completion releases at cluster scope what
// the thread did before. mbarrier_wait_parity acquires at the block's scope, which is enough for what these stores
// bring (acquire.cluster would empty the first-level cache), not for what their senders wrote to global memory. A
// barrier of the cluster has been passed before (the block has started, and its mbarrier is there), and that block
// waits for the mbarrier before it exits.
__device__ __forceinline__ void cluster_store_async(float2* p, uint64_t* b, unsigned rank, float2 value) {
  asm volatile(
      "{ .reg .b32 there, barrier;\n"
      "mapa.shared::cluster.u32 there, %0, %2;\n"
      "mapa.shared::cluster.u32 barrier, %1, %2;\n"
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v2.f32 [there], {%3, %4}, [barrier]; }\n" ::"r"(
          shared_address(p)),
      "r"(shared_address(b)), "r"(rank), "f"(value.x), "f"(value.y)
      : "memory");
}

}  // namespace ptx
