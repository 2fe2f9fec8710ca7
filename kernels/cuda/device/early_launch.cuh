// Launches that may start before the one before them in their stream has ended (programmatic dependent launch, sm_90;
// LaunchShape::early): what a start costs is hidden behind what still runs.
#pragma once

#include <cuda_runtime.h>

namespace ptx {

// Waits until the launches before have ended, and what they wrote can be read. Every thread of an early launch calls it
// before it touches global memory; elsewhere it does nothing.
__device__ __forceinline__ void wait_for_earlier_launches() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
// The launch after this one, if it is an early one, may start when a thread of every block has come here, or the block
// has ended.
__device__ __forceinline__ void allow_next_launch() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

}  // namespace ptx
