// Launches that may start before the one before them in their stream has ended (programmatic dependent launch, sm_90;
// LaunchShape::early). It hides the latency of a launch behind the kernel that still runs.
#pragma once

#include <cuda_runtime.h>

namespace ptx {

// Waits until the earlier launches have ended and their writes can be read. Every thread of an early launch calls it
// before it touches global memory; in other launches it does nothing.
__device__ __forceinline__ void wait_for_earlier_launches() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
// Lets the next launch, if it is an early one, start once every block has called this or has ended.
__device__ __forceinline__ void allow_next_launch() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

}  // namespace ptx
