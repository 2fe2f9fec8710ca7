#include "kernels/cuda/cuda_backend.h"
#include "tests/support/test_backend.h"

namespace encore::test {

// The CUDA backend on the host executor (kernels/simt).
std::unique_ptr<Backend> make_test_backend(int) {
  return std::make_unique<CudaBackend>();
}

}  // namespace encore::test
