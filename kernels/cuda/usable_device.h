// Whether this machine has a GPU that the kernels run on.
#pragma once

#include <cuda_runtime.h>

#include <string>

namespace encore::cuda {

struct DeviceFacts {
  cudaError_t status = cudaSuccess;             // of asking for the number of devices
  int driver_version = 0, runtime_version = 0;  // 13000 is 13.0; driver 0: none is installed
  int devices = 0, device = 0;                  // how many, and which of them is asked for
  int major = 0, minor = 0;                     // compute capability of that one
  std::string name;
};

DeviceFacts device_facts(int device);

// The card of a rank: its number among the ranks of its machine. 0 if the launcher shows each rank one card only.
// Throws PlacementError when there are more ranks than cards.
int device_of_rank(int devices, int local_rank, int local_ranks);

// Empty when the device can be used; else a message that says why not and what to do.
std::string why_unusable(const DeviceFacts&);

// Whether this build has machine code or PTX for the current device (cudaSetDevice): cudaSuccess, or CUDA's own error.
cudaError_t code_for_current_device();

// Empty for cudaSuccess; else a message as why_unusable()'s.
std::string why_without_code(const DeviceFacts&, cudaError_t);

}  // namespace encore::cuda
