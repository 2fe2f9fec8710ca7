// cp.async (sm_80): asynchronous copies of 16 bytes from global to shared memory, in groups.
#pragma once

#include <device/address.cuh>

namespace ptx {

// Copies `bytes` (0..16) and fills the rest of the 16 with zeros. Both addresses are 16-byte aligned. Past L1.
__device__ __forceinline__ void cp_async_16(uint32_t destination, const void* source, int bytes = 16) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(destination), "l"(source), "r"(bytes) : "memory");
}
// Closes the group of the copies this thread has issued since the last one.
__device__ __forceinline__ void cp_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Waits until at most N of this thread's groups are in flight. Other threads see the data after a barrier.
template <int N>
__device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

}  // namespace ptx
