// What a program that opens the shared object of this backend calls (kernels/backend_factory.cpp).
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/usable_device.h"

extern "C" encore::Backend* encore_make_backend(int local_rank, int local_ranks) {
  const int devices = encore::cuda::device_facts(0).devices;
  return new encore::CudaBackend(encore::cuda::device_of_rank(devices, local_rank, local_ranks));
}
