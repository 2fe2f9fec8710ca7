#include <cstdlib>

#include "kernels/backend_factory.h"
#include "tests/support/test_backend.h"

namespace encore::test {

// The device that ENCORE_TEST_DEVICE names (cpu, simt, cuda), opened as programs do.
std::unique_ptr<Backend> make_test_backend(int threads) {
  const char* device = std::getenv("ENCORE_TEST_DEVICE");
  check(device != nullptr, "ENCORE_TEST_DEVICE is not set: it may be cpu, simt or cuda");
  return make_backend(device, threads);
}

}  // namespace encore::test
