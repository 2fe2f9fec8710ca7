// mbarrier: a barrier object of 8 bytes in shared memory that counts arrivals and bytes (expect_tx: sm_90).
#pragma once

#include <device/address.cuh>
#include <device/fence.cuh>

namespace ptx {

__device__ __forceinline__ void mbarrier_init(uint64_t* b, uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(b)), "r"(arrivals) : "memory");
}
__device__ __forceinline__ void mbarrier_arrive(uint64_t* b) {
  asm volatile("{ .reg .b64 state; mbarrier.arrive.shared::cta.b64 state, [%0]; }" ::"r"(shared_address(b)) : "memory");
}
// Announces `bytes` of asynchronous copies in this phase, and arrives.
__device__ __forceinline__ void mbarrier_arrive_expect_tx(uint64_t* b, uint32_t bytes) {
  asm volatile(
      "{ .reg .b64 state; mbarrier.arrive.expect_tx.shared::cta.b64 state, [%0], %1; }" ::"r"(shared_address(b)),
      "r"(bytes)
      : "memory");
}
// Waits until the phase of this parity is complete: 0 for the first, 1 for the second; 1 on a fresh barrier returns at
// once.
__device__ __forceinline__ void mbarrier_wait_parity(uint64_t* b, uint32_t parity) {
  asm volatile(
      "{ .reg .pred done;\n"
      "again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again; }" ::"r"(shared_address(b)),
      "r"(parity)
      : "memory");
}

}  // namespace ptx
