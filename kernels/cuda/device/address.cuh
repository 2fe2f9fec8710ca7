// Shared-memory addresses as PTX takes them. All files of this folder have a twin in kernels/simt/include/device: same
// names, same meaning, executed on the host.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace ptx {

// The 32-bit address of p in the shared window. p must point into shared memory.
__device__ __forceinline__ uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

}  // namespace ptx
