// Streams that run late, captures and launches of captured graphs, and their refusals.
#include <kernels.h>
#include <support.h>

namespace simt_test {
namespace {

class Streams : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    simt::options().late_streams = GetParam();
    ASSERT_EQ(cudaStreamCreate(&stream_), cudaSuccess);
  }
  void TearDown() override {
    cudaStreamDestroy(stream_);
    cudaGetLastError();
  }
  // Captures `calls`; null if the capture was refused.
  template <class F>
  cudaGraphExec_t capture(F&& calls) {
    EXPECT_EQ(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeGlobal), cudaSuccess);
    calls();
    cudaGraph_t graph = nullptr;
    end_ = cudaStreamEndCapture(stream_, &graph);
    if (end_ != cudaSuccess) return nullptr;
    cudaGraphExec_t exec = nullptr;
    EXPECT_EQ(cudaGraphInstantiate(&exec, graph), cudaSuccess);
    EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
    return exec;
  }
  With restore_;
  cudaStream_t stream_ = nullptr;
  cudaError_t end_ = cudaSuccess;
};

TEST_P(Streams, ACaptureRunsNothingAndAReplayRunsItEachTime) {
  Buffer<float> from(4), to(4);
  for (int i = 0; i < 4; ++i) from[i] = float(i), to[i] = -1;
  const cudaGraphExec_t exec = capture([&] {
    EXPECT_EQ(cudaMemcpyAsync(to.get(), from.get(), 16, cudaMemcpyDeviceToDevice, stream_), cudaSuccess);
    EXPECT_EQ(cudaMemsetAsync(from.get(), 0, 8, stream_), cudaSuccess);
  });
  ASSERT_NE(exec, nullptr);
  EXPECT_EQ(to[1], -1);
  ASSERT_EQ(cudaGraphLaunch(exec, stream_), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
  EXPECT_EQ(to[1], 1);
  EXPECT_EQ(from[1], 0);
  from[3] = 7;
  ASSERT_EQ(cudaGraphLaunch(exec, stream_), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
  EXPECT_EQ(to[1], 0);
  EXPECT_EQ(to[3], 7);
  EXPECT_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
}

TEST_P(Streams, ACaptureRefusesWhatAllocatesOrWaits) {
  Buffer<float> a(4);
  float pageable[4] = {};
  const std::pair<const char*, std::function<cudaError_t()>> calls[] = {
      {"cudaMalloc",
       [&] {
         void* p;
         return cudaMalloc(&p, 4);
       }},
      {"cudaFree", [&] { return cudaFree(a.get()); }},
      {"cudaStreamSynchronize", [&] { return cudaStreamSynchronize(stream_); }},
      {"cudaDeviceSynchronize", [&] { return cudaDeviceSynchronize(); }},
      {"cudaMemcpy", [&] { return cudaMemcpy(a.get(), pageable, 16, cudaMemcpyHostToDevice); }},
      {"pageable", [&] { return cudaMemcpyAsync(a.get(), pageable, 16, cudaMemcpyHostToDevice, stream_); }},
  };
  for (const auto& [name, call] : calls) {
    EXPECT_EQ(capture([&] { EXPECT_EQ(call(), cudaErrorStreamCaptureUnsupported) << name; }), nullptr) << name;
    EXPECT_EQ(end_, cudaErrorStreamCaptureInvalidated) << name;
    EXPECT_NE(simt::last_error().find(name), std::string::npos) << simt::last_error();
  }
}

TEST_P(Streams, AReplayMayNotNameFreedMemory) {
  float *a = nullptr, *again = nullptr;
  ASSERT_EQ(cudaMalloc(&a, 16), cudaSuccess);
  const cudaGraphExec_t exec = capture([&] { cudaMemsetAsync(a, 0, 16, stream_); });
  ASSERT_EQ(cudaFree(a), cudaSuccess);
  ASSERT_EQ(cudaMalloc(&again, 16), cudaSuccess);  // as a rule at the same address
  cudaGraphLaunch(exec, stream_);
  cudaStreamSynchronize(stream_);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  EXPECT_NE(simt::last_error().find("freed"), std::string::npos) << simt::last_error();
  cudaFree(again);
  cudaGraphExecDestroy(exec);
}

TEST(LateStreams, ShowWhatHappensWithoutAWait) {
  const With late([](simt::Options& o) { o.late_streams = true; });
  cudaStream_t stream, other;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  ASSERT_EQ(cudaStreamCreate(&other), cudaSuccess);
  Buffer<float> device(2);
  float* pinned = nullptr;
  ASSERT_EQ(cudaMallocHost(&pinned, 8), cudaSuccess);
  pinned[0] = 1, pinned[1] = 2;
  ASSERT_EQ(cudaMemcpyAsync(device.get(), pinned, 8, cudaMemcpyHostToDevice, stream), cudaSuccess);
  pinned[0] = 5;  // too early: the copy has not read it yet
  float kept[2] = {8, 9};
  ASSERT_EQ(cudaMemcpyAsync(device.get() + 1, kept, 4, cudaMemcpyHostToDevice, stream), cudaSuccess);
  kept[0] = 0;  // allowed: the call has read pageable memory
  EXPECT_TRUE(std::isnan(device[0]));
  EXPECT_EQ(cudaStreamSynchronize(other), cudaSuccess);
  EXPECT_TRUE(std::isnan(device[0])) << "the other stream was waited for";
  cudaEvent_t event;
  ASSERT_EQ(cudaEventCreate(&event), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(event, stream), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(other, event), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(pinned, device.get(), 8, cudaMemcpyDeviceToHost, other), cudaSuccess);
  EXPECT_EQ(pinned[1], 2);
  EXPECT_EQ(cudaStreamSynchronize(other), cudaSuccess);
  EXPECT_EQ(pinned[0], 5);
  EXPECT_EQ(pinned[1], 8);
  for (int tries = 0; cudaEventQuery(event) != cudaSuccess; ++tries) ASSERT_LT(tries, 3);
  cudaEventDestroy(event);
  cudaFreeHost(pinned);
  cudaStreamDestroy(stream);
  cudaStreamDestroy(other);
  cudaGetLastError();
}

TEST(Memory, OfADeviceThatIsSmallAndPartlyTaken) {
  const With small([](simt::Options& o) { o.memory = 1000000, o.occupied = 400000; });
  size_t free_bytes = 0, total = 0;
  ASSERT_EQ(cudaMemGetInfo(&free_bytes, &total), cudaSuccess);
  EXPECT_EQ(total, 1000000u);
  EXPECT_EQ(free_bytes, 600000u);
  void* p = nullptr;
  EXPECT_EQ(cudaMalloc(&p, 600001), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaMalloc(&p, 600000), cudaSuccess);
  EXPECT_EQ(cudaFree(p), cudaSuccess);
  cudaGetLastError();
}

INSTANTIATE_TEST_SUITE_P(Order, Streams, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Late" : "AtOnce"; });

}  // namespace
}  // namespace simt_test
