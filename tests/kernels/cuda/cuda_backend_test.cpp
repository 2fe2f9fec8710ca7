// The CUDA backend beside its ops, on the host executor: memory, refusals, indices out of range.
#include "kernels/cuda/cuda_backend.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "kernels/base/check.h"

namespace encore {
namespace {

// The message of the Error that act throws, which must end a program with this exit code.
std::string message_of(const std::function<void()>& act, int exit_code) {
  try {
    act();
  } catch (const Error& e) {
    EXPECT_EQ(e.exit_code(), exit_code) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "no refusal";
  return "";
}

void expect_part(const std::string& message, const char* part) {
  EXPECT_NE(message.find(part), std::string::npos) << part << " is not in: " << message;
}

template <class T>
Tensor on_device(CudaBackend& backend, const std::vector<T>& values, int64_t rows, int64_t cols) {
  void* p = backend.allocate(values.size() * sizeof(T));
  backend.copy_to_device(p, values.data(), values.size() * sizeof(T));
  return Tensor(static_cast<T*>(p), rows, cols);
}

TEST(CudaBackend, DescribesItsDevice) {
  CudaBackend backend;
  expect_part(backend.description(), "cuda: ");
  expect_part(backend.description(), "compute capability ");
  EXPECT_TRUE(backend.native_bf16());
  expect_part(message_of([] { CudaBackend other(1000); }, 2), "no GPU number 1000");
}

TEST(CudaBackend, MarksAreInTheOrderOfTheCalls) {
  CudaBackend backend;
  void* p = backend.allocate(64 << 20);
  const auto before = backend.mark();
  backend.fill_zero(p, 64 << 20);
  const auto after = backend.mark();
  EXPECT_GT(backend.seconds_between(*before, *after), 0);
  EXPECT_LT(backend.seconds_between(*before, *after), 60);
  backend.free(p);
}

TEST(CudaBackend, MemoryIsZeroAndCopied) {
  CudaBackend backend;
  const std::vector<float> values = {1, 2, 3};
  void* p = backend.allocate(12);
  std::vector<float> back(3, 9);
  backend.copy_to_host(back.data(), p, 12);
  EXPECT_EQ(back, std::vector<float>(3, 0));
  backend.copy_to_device(p, values.data(), 12);
  backend.copy_to_host(back.data(), p, 12);
  EXPECT_EQ(back, values);
  void* q = backend.allocate(12);
  backend.copy_on_device(q, p, 12);
  backend.copy_to_host(back.data(), q, 12);
  EXPECT_EQ(back, values);
  backend.free(q);
  backend.fill_zero(p, 12);
  backend.copy_to_host(back.data(), p, 12);
  EXPECT_EQ(back, std::vector<float>(3, 0));
  backend.free(p);
  EXPECT_GT(backend.workspace_bytes(), 0u) << "matrix products have room of their own";
}

TEST(CudaBackend, FailuresAreDeviceErrors) {
  CudaBackend backend;
  expect_part(message_of([&] { backend.allocate(size_t(1) << 62); }, 70),
              "no 4611686018427387904 bytes of memory left");
  int on_host = 0;
  expect_part(message_of([&] { backend.free(&on_host); }, 70), "free: ");
}

TEST(CudaBackend, NamesTheFirstIndexOutOfRange) {
  CudaBackend backend;
  const Tensor x = on_device<float>(backend, std::vector<float>(8, 1), 4, 2);
  const Tensor y = on_device<float>(backend, std::vector<float>(6, 0), 3, 2);
  const Tensor rows = on_device<int32_t>(backend, {3, 4, -1}, 1, 3);
  expect_part(message_of([&] { gather_rows(backend, {.x = x, .rows = rows, .y = y}); }, 2),
              "[1] is 4, and there are 4 rows");
}

}  // namespace
}  // namespace encore
