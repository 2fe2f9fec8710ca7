// The backend that a program of op tests is linked with: test_backend_cpu.cpp or test_backend_simt.cpp. The tests are
// the same.
#pragma once

#include <memory>

#include "kernels/backend.h"

namespace encore::test {

// threads: of the cpu backend; others have no use for it.
std::unique_ptr<Backend> make_test_backend(int threads);

}  // namespace encore::test
