// The backend of op tests, chosen at link time: test_backend_cpu.cpp, test_backend_simt.cpp or test_backend_device.cpp.
#pragma once

#include <memory>

#include "kernels/backend.h"

namespace encore::test {

// threads: of the cpu backend; the others ignore it.
std::unique_ptr<Backend> make_test_backend(int threads);

}  // namespace encore::test
