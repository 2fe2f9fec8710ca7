// What a program that opens the shared object of this backend calls (kernels/backend_factory.cpp).
#include "kernels/cuda/cuda_backend.h"

extern "C" encore::Backend* encore_make_backend() {
  return new encore::CudaBackend();
}
