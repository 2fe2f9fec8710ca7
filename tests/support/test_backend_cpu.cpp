#include "kernels/backend_factory.h"
#include "tests/support/test_backend.h"

namespace encore::test {

std::unique_ptr<Backend> make_test_backend(int threads) {
  return make_backend("cpu", threads);
}

}  // namespace encore::test
