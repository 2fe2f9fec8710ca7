// The host half of the CUDA runtime, its refusals, and the options that the environment sets.
#include <support.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace simt_test {
namespace {

// An error is kept until cudaGetLastError returns it.
void expect_noted(cudaError_t returned, cudaError_t expected) {
  EXPECT_EQ(returned, expected);
  EXPECT_EQ(cudaPeekAtLastError(), expected);
  EXPECT_EQ(cudaGetLastError(), expected);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST(Runtime, Memory) {
  size_t free_before = 0, total = 0, free_now = 0;
  ASSERT_EQ(cudaMemGetInfo(&free_before, &total), cudaSuccess);
  EXPECT_LE(free_before, total);
  float *a = nullptr, *b = nullptr, *c = nullptr, *d = nullptr, *none = nullptr;
  ASSERT_EQ(cudaMalloc(&a, 16), cudaSuccess);
  ASSERT_EQ(cudaMallocHost(&b, 16), cudaSuccess);
  ASSERT_EQ(cudaHostAlloc(reinterpret_cast<void**>(&c), 16, 0), cudaSuccess);
  ASSERT_EQ(cudaMallocAsync(reinterpret_cast<void**>(&d), 16, nullptr), cudaSuccess);
  ASSERT_EQ(cudaMalloc(&none, 0), cudaSuccess);
  EXPECT_EQ(none, nullptr);
  cudaMemGetInfo(&free_now, &total);
  EXPECT_EQ(free_now, free_before - 32) << "pinned memory is the host's";
  EXPECT_TRUE(std::isnan(a[0])) << "fresh memory is poisoned";
  b[0] = 1.5f;
  ASSERT_EQ(cudaMemcpy(a, b, 4, cudaMemcpyHostToDevice), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(c, a, 4, cudaMemcpyDeviceToHost, nullptr), cudaSuccess);
  EXPECT_EQ(c[0], 1.5f);
  ASSERT_EQ(cudaMemset(a, 0, 16), cudaSuccess);
  EXPECT_EQ(a[0], 0);
  EXPECT_EQ(cudaFree(a), cudaSuccess);
  EXPECT_EQ(cudaFreeHost(b), cudaSuccess);
  EXPECT_EQ(cudaFreeHost(c), cudaSuccess);
  EXPECT_EQ(cudaFreeAsync(d, nullptr), cudaSuccess);
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
  cudaMemGetInfo(&free_now, &total);
  EXPECT_EQ(free_now, free_before);

  expect_noted(cudaFree(&total), cudaErrorInvalidDevicePointer);
  expect_noted(cudaMalloc(&a, total + 1), cudaErrorMemoryAllocation);
  expect_noted(cudaMemcpy(nullptr, &total, 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  expect_noted(cudaMemset(nullptr, 0, 4), cudaErrorInvalidValue);
}

TEST(Runtime, StreamsAndEvents) {
  cudaStream_t stream, other;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  ASSERT_EQ(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking), cudaSuccess);
  cudaEvent_t start, stop, untimed;
  ASSERT_EQ(cudaEventCreate(&start), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&stop), cudaSuccess);
  ASSERT_EQ(cudaEventCreateWithFlags(&untimed, cudaEventDisableTiming), cudaSuccess);
  float milliseconds = -1;
  expect_noted(cudaEventElapsedTime(&milliseconds, start, stop), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaEventRecord(start, stream), cudaSuccess);
  EXPECT_EQ(cudaEventRecord(stop, stream), cudaSuccess);
  EXPECT_EQ(cudaEventRecord(untimed, stream), cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(other, stop, 0), cudaSuccess);
  EXPECT_EQ(cudaEventSynchronize(stop), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(stop), cudaSuccess);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, stop), cudaSuccess);
  EXPECT_GE(milliseconds, 0);
  expect_noted(cudaEventElapsedTime(&milliseconds, start, untimed), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(stream), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  for (cudaEvent_t e : {start, stop, untimed}) EXPECT_EQ(cudaEventDestroy(e), cudaSuccess);
  for (cudaStream_t s : {stream, other}) EXPECT_EQ(cudaStreamDestroy(s), cudaSuccess);
  expect_noted(cudaEventDestroy(nullptr), cudaErrorInvalidResourceHandle);
  expect_noted(cudaEventRecord(nullptr, nullptr), cudaErrorInvalidResourceHandle);
  expect_noted(cudaStreamDestroy(nullptr), cudaErrorInvalidResourceHandle);
  expect_noted(cudaStreamWaitEvent(nullptr, nullptr, 0), cudaErrorInvalidResourceHandle);
}

TEST(Runtime, DescribesTheArchitectures) {
  int count = 0, device = 7, value = 0;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(cudaGetDevice(&device), cudaSuccess);
  EXPECT_EQ(device, 0);
  EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
  expect_noted(cudaSetDevice(1), cudaErrorInvalidDevice);
  const With restore;
  // Each architecture with the shared memory of a block, KiB.
  for (const auto& [arch, shared] : {std::pair(80, 163), {86, 99}, {90, 227}, {100, 227}, {120, 99}}) {
    simt::options().arch = arch;
    const std::pair<cudaDeviceAttr, int> attributes[] = {{cudaDevAttrMaxThreadsPerBlock, 1024},
                                                         {cudaDevAttrMaxSharedMemoryPerBlock, 48 << 10},
                                                         {cudaDevAttrWarpSize, 32},
                                                         {cudaDevAttrMultiProcessorCount, arch >= 90 ? 132 : 108},
                                                         {cudaDevAttrComputeCapabilityMajor, arch / 10},
                                                         {cudaDevAttrComputeCapabilityMinor, arch % 10},
                                                         {cudaDevAttrMaxSharedMemoryPerBlockOptin, shared << 10}};
    for (const auto& [attribute, expected] : attributes) {
      EXPECT_EQ(cudaDeviceGetAttribute(&value, attribute, 0), cudaSuccess);
      EXPECT_EQ(value, expected) << int(attribute) << " of " << arch;
    }
  }
  expect_noted(cudaDeviceGetAttribute(&value, cudaDevAttrWarpSize, 1), cudaErrorInvalidDevice);
  expect_noted(cudaDeviceGetAttribute(&value, cudaDeviceAttr(9999), 0), cudaErrorInvalidValue);
}

TEST(Runtime, NamesErrors) {
  for (const auto& [error, name, text] :
       {std::tuple{cudaSuccess, "cudaSuccess", "no error"},
        std::tuple{cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
        std::tuple{cudaErrorInvalidDevicePointer, "cudaErrorInvalidDevicePointer", "invalid device pointer"},
        std::tuple{cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
        std::tuple{cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
        std::tuple{cudaErrorNotReady, "cudaErrorNotReady", "device not ready"}}) {
    EXPECT_STREQ(cudaGetErrorName(error), name);
    EXPECT_STREQ(cudaGetErrorString(error), text);
  }
  EXPECT_STREQ(cudaGetErrorName(cudaError_t(12345)), "unrecognized error code");
}

TEST(Runtime, CountersAsJson) {
  const std::string text = simt::to_json(simt::Stats{.launches = 3, .shared_ideal_wavefronts = 9});
  EXPECT_EQ(text.rfind("{\"launches\": 3, \"blocks\": 0, ", 0), 0u) << text;
  EXPECT_NE(text.find("\"global_width_16\": 0, "), std::string::npos) << text;
  EXPECT_NE(text.find("\"shared_ideal_wavefronts\": 9}"), std::string::npos) << text;
}

// Runs in a process of its own, since a process reads its environment once. Returns 0 if `expected` holds, 3 after a
// refusal.
template <class Expected>
[[noreturn]] void read_options(Expected expected) {
  try {
    std::exit(expected(simt::options()) ? 0 : 1);
  } catch (const std::invalid_argument& e) {
    std::fprintf(stderr, "%s\n", e.what());
    std::exit(3);
  }
}

TEST(OptionsDeathTest, FromTheEnvironment) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const std::pair<const char*, const char*> set[] = {{"SIMT_ORDER", "pct"}, {"SIMT_ASYNC", "early"},
                                                     {"SIMT_SEED", "7"},    {"SIMT_WORKERS", "2"},
                                                     {"SIMT_POISON", "0"},  {"SIMT_ARCH", "80"}};
  for (const auto& [name, value] : set) ::setenv(name, value, 1);
  EXPECT_EXIT(read_options([](const simt::Options& o) {
                return o.order == simt::Order::kPct && o.async == simt::Async::kEarly && o.seed == 7 &&
                       o.workers == 2 && !o.poison && o.arch == 80 && !o.race;
              }),
              testing::ExitedWithCode(0), "");
  for (const auto& [name, value] : set) ::unsetenv(name);
}

TEST(OptionsDeathTest, RefusesWhatItDoesNotKnow) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto any = [](const simt::Options&) { return true; };
  ::setenv("SIMT_ORDER", "sideways", 1);
  EXPECT_EXIT(read_options(any), testing::ExitedWithCode(3), "SIMT_ORDER=sideways: expected fifo, lifo");
  ::unsetenv("SIMT_ORDER");
  for (const char* value : {"-1", "1025", "two"}) {
    ::setenv("SIMT_WORKERS", value, 1);
    EXPECT_EXIT(read_options(any), testing::ExitedWithCode(3), "expected a number up to 1024");
  }
  ::unsetenv("SIMT_WORKERS");
}

}  // namespace
}  // namespace simt_test
