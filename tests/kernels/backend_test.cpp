// The backend factory, and the CPU backend apart from its ops: memory, copies, description.
#include "kernels/backend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <numeric>
#include <vector>

#include "kernels/backend_factory.h"
#include "kernels/base/arena.h"
#include "kernels/base/program_path.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/processor.h"
#include "kernels/cpu/vec/dispatch.h"
#include "kernels/ops/matmul.h"

namespace encore {
namespace {

std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& e) {
    EXPECT_EQ(e.exit_code(), 2);
    return e.what();
  }
  ADD_FAILURE() << "no refusal";
  return "";
}

TEST(BackendFactory, MakesAndRefuses) {
  EXPECT_EQ(make_backend("cpu", 1)->description().rfind("cpu: ", 0), 0u);
  EXPECT_NE(refusal([] { make_backend("tpu"); }).find("unknown device 'tpu'"), std::string::npos);
  EXPECT_NE(refusal([] { make_backend("cpu", -1); }).find("-1 threads"), std::string::npos);
  if (plugin_path("libencore_cuda.so").empty()) {
    EXPECT_NE(refusal([] { make_backend("cuda"); }).find("no libencore_cuda.so beside the program"), std::string::npos);
    EXPECT_EQ(make_backend("auto", 1)->description().rfind("cpu: ", 0), 0u);
  }
}

TEST(CpuBackend, SaysThreadsAndInstructionSet) {
  const std::string one = CpuBackend(1).description(), three = CpuBackend(3).description();
  EXPECT_NE(one.find(", 1 thread, "), std::string::npos) << one;
  EXPECT_NE(three.find(", 3 threads, "), std::string::npos) << three;
  EXPECT_NE(one.find(fmt::format(", vec/ {}, oneDNN ", cpu::isa_name(cpu::isa()))), std::string::npos) << one;
  // What oneDNN uses, by its own name, as the environment limits both.
  const std::string onednn = one.substr(one.rfind(' ') + 1);
  const char* set = std::getenv("ENCORE_ISA");
  if (set && cpu::isa() == cpu::Isa::kAvx2) {
    EXPECT_EQ(onednn.find("avx2"), 0u) << one;
  } else if (set && cpu::isa() == cpu::Isa::kAvx512) {
    EXPECT_EQ(onednn, "avx512_core") << one;
  } else if (cpu::isa() == cpu::Isa::kAvx512Bf16) {
    EXPECT_EQ(onednn.find("avx512_core_"), 0u) << one;
  }
  EXPECT_EQ(CpuBackend(1).native_bf16(), cpu::multiplies_bf16());
}

// Expected values come from /proc/cpuinfo, where the code uses CPUID.
TEST(CpuBackend, AutoIsHalfPrecisionWhereThatIsFaster) {
  std::ifstream in("/proc/cpuinfo");
  std::string vendor, flags;
  for (std::string line; std::getline(in, line) && (vendor.empty() || flags.empty());) {
    if (line.starts_with("vendor_id")) vendor = line;
    if (line.starts_with("flags")) flags = line + " ";
  }
  ASSERT_FALSE(vendor.empty() || flags.empty());
  const bool slow = vendor.ends_with("GenuineIntel") && flags.find(" amx_bf16 ") == std::string::npos;
  EXPECT_EQ(auto_dtype(CpuBackend(1)), cpu::multiplies_bf16() && !slow ? DType::kBF16 : DType::kF32);
}

// Every ragged batch brings a new shape. The primitives of the oldest shapes are dropped, and made again when needed.
TEST(CpuBackend, ProductsOfManyShapes) {
  constexpr int64_t kShapes = 1300, kKept = 1024, kInner = 8;
  CpuBackend backend(1);
  auto* x = static_cast<float*>(backend.allocate(kShapes * kInner * sizeof(float)));
  auto* y = static_cast<float*>(backend.allocate(kShapes * kInner * sizeof(float)));
  auto* w = static_cast<float*>(backend.allocate(kInner * kInner * sizeof(float)));
  for (int64_t i = 0; i < kShapes; ++i) x[i * kInner] = float(i + 1);
  for (int64_t j = 0; j < kInner; ++j) w[j * kInner] = float(j + 1);
  const auto multiply = [&](int64_t rows) {
    std::fill(y, y + rows * kInner, -1.f);
    linear_forward(backend,
                   {.x = Tensor(x, rows, kInner), .w = Tensor(w, kInner, kInner), .y = Tensor(y, rows, kInner)});
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < kInner; ++j) ASSERT_EQ(y[i * kInner + j], float((i + 1) * (j + 1))) << rows;
    backend.weights_changed();
  };
  multiply(1);
  const size_t one = backend.workspace_bytes();
  size_t most = 0;
  for (int64_t rows = 1; rows <= kShapes; ++rows) {
    multiply(rows);
    most = std::max(most, backend.workspace_bytes());
  }
  EXPECT_GT(most, one * kKept / 2);
  EXPECT_LE(most, one * (kKept + 1)) << "the oldest are forgotten";
  EXPECT_LT(backend.workspace_bytes(), most);
  for (int64_t rows = 1; rows <= 5; ++rows) multiply(rows);
  for (void* p : {x, y, w}) backend.free(p);
}

// Sizes just below and above the limits between malloc, mmap and huge pages.
TEST(CpuBackend, MemoryIsZeroAlignedAndCopied) {
  CpuBackend backend(1);
  for (const size_t bytes : {size_t(0), size_t(1), size_t(4096), size_t(65537), size_t(5) << 20}) {
    auto* p = static_cast<uint8_t*>(backend.allocate(bytes));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % 256, 0u) << bytes;
    EXPECT_EQ(std::accumulate(p, p + bytes, uint64_t(0)), 0u) << bytes;
    std::vector<uint8_t> host(bytes, 7), back(bytes);
    backend.copy_to_device(p, host.data(), bytes);
    backend.copy_to_host(back.data(), p, bytes);
    EXPECT_EQ(host, back);
    auto* q = static_cast<uint8_t*>(backend.allocate(bytes + 3));
    const auto before = backend.record_event();
    backend.copy_on_device(q + 1, p, bytes);
    EXPECT_GE(backend.seconds_between(*before, *backend.record_event()), 0);
    EXPECT_TRUE(std::equal(host.begin(), host.end(), q + 1));
    EXPECT_EQ(q[0] + q[bytes + 1], 0) << "written beside " << bytes << " bytes";
    backend.free(q);
    backend.fill_zero(p, bytes);
    EXPECT_EQ(std::accumulate(p, p + bytes, uint64_t(0)), 0u) << bytes;
    backend.free(p);
  }
  backend.free(nullptr);
}

TEST(CpuBackend, NoMemoryIsARefusal) {
  CpuBackend backend(1);
  for (const size_t bytes : {size_t(1) << 50, size_t(1) << 62})
    EXPECT_NE(refusal([&] { backend.allocate(bytes); }).find("no memory for " + std::to_string(bytes) + " bytes"),
              std::string::npos);
}

// oneDNN 2.6 has no bf16 product for AVX2: the backend refuses it before it calls oneDNN.
TEST(CpuBackend, ProductsThatTheProcessorLacks) {
  CpuBackend backend(1);
  if (backend.native_bf16())
    GTEST_SKIP() << "every product is served here (the AVX2 run of this test has some that is not)";
  std::vector<bf16> x(64), w(64), y(64);
  const std::string message = refusal([&] {
    linear_forward(backend, {.x = Tensor(x.data(), 8, 8), .w = Tensor(w.data(), 8, 8), .y = Tensor(y.data(), 8, 8)});
  });
  EXPECT_NE(message.find("does not multiply bf16"), std::string::npos) << message;
  EXPECT_NE(message.find("--dtype fp32"), std::string::npos) << message;
}

TEST(Arena, RefusesMoreThanWasMeasured) {
  Arena measuring;
  measuring.take("x", DType::kF32, 3, 5);
  std::vector<char> memory(measuring.used());
  Arena arena(memory.data(), memory.size());
  arena.take("x", DType::kF32, 3, 5);
  EXPECT_NE(refusal([&] { arena.take("y", DType::kBF16, 1, 1); }).find("has no room for y bf16 [1, 1]"),
            std::string::npos);
}

TEST(ProgramPath, FindsFilesOfTheProject) {
  EXPECT_EQ(project_path("models/encore-mini").rfind("models/encore-mini"),
            project_path("models/encore-mini").size() - 18);
  EXPECT_NE(refusal([] { project_path("no/such/file"); }).find("no/such/file is in none of the folders above"),
            std::string::npos);
  EXPECT_EQ(plugin_path("libno_such_thing.so"), "");
}

}  // namespace
}  // namespace encore
