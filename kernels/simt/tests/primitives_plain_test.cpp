// Primitives, launches and the runtime API in the plain build.
#include <kernels.h>
#include <support.h>

namespace simt_test {
namespace {

uint64_t fnv1a(const uint32_t* p, size_t n) {
  uint64_t h = 1469598103934665603ull;
  for (size_t i = 0; i < n; ++i) h = (h ^ p[i]) * 1099511628211ull;
  return h;
}

// The values that CUDA defines, written out lane by lane.
TEST(Primitives, Shuffles) {
  Buffer<uint32_t> out(26 * 32);
  ASSERT_EQ(run_shuffles(out.get(), nullptr), cudaSuccess) << simt::last_error();
  auto value = [](int lane) { return uint32_t(lane * lane + 3); };
  for (int lane = 0, row = 0, w = 1; w <= 32; w *= 2, row += 4) {
    for (lane = 0; lane < 32; ++lane) {
      const int base = lane / w * w, in = lane % w;
      EXPECT_EQ(out[size_t(row * 32 + lane)], value(base + 5 % w));
      EXPECT_EQ(out[size_t((row + 1) * 32 + lane)], value((lane ^ 3) < base + w ? lane ^ 3 : lane)) << w << " " << lane;
      EXPECT_EQ(out[size_t((row + 2) * 32 + lane)], value(in >= 2 ? lane - 2 : lane));
      EXPECT_EQ(out[size_t((row + 3) * 32 + lane)], value(in + 2 < w ? lane + 2 : lane));
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(out[size_t(24 * 32 + lane)], 0x49249249u);
    EXPECT_EQ(out[size_t(25 * 32 + lane)], value(lane < 16 ? lane ^ 1 : lane ^ 2));
  }
}

// Small integers, so fp32 sums are exact and a card must give the same hash.
TEST(Primitives, WarpMatrixHash) {
  Buffer<uint32_t> in(64 * 32), out(12 * 32);
  uint32_t s = 1;
  auto next = [&] {
    return uint32_t(__bfloat16_as_ushort(__nv_bfloat16(float(int((s = s * 1664525 + 1013904223) >> 28) - 8))));
  };
  for (size_t i = 0; i < in.size(); ++i) {
    in[i] = next();
    in[i] |= next() << 16;
  }
  ASSERT_EQ(run_warp_matrix(in.get(), out.get(), nullptr), cudaSuccess) << simt::last_error();
  EXPECT_EQ(fnv1a(out.get(), out.size()), 0x1623607c45b885c3u);
}

TEST(Primitives, AtomicsAndBarrierReductions) {
  for (int workers : {1, 2, 5}) {
    With restore;
    simt::options().workers = workers;
    Buffer<int> counter(1 + 20);
    for (size_t i = 0; i < counter.size(); ++i) counter[i] = 0;
    ASSERT_EQ(run_counter(counter.get(), 20, 96, nullptr), cudaSuccess) << simt::last_error();
    EXPECT_EQ(counter[0], 20 * 96);
    for (size_t i = 1; i <= 20; ++i) EXPECT_EQ(counter[i], 48);
  }
}

TEST(Launch, RefusesWhatHardwareRefuses) {
  Buffer<int> counter(64);
  EXPECT_EQ(run_counter(counter.get(), 1, 1025, nullptr), cudaErrorInvalidConfiguration);
  EXPECT_NE(simt::last_error().find("1025"), std::string::npos) << simt::last_error();
  EXPECT_NE(simt::last_error().find("counter_kernel"), std::string::npos) << simt::last_error();
  EXPECT_EQ(run_counter(counter.get(), 0, 32, nullptr), cudaErrorInvalidConfiguration);
  EXPECT_EQ(run_counter(counter.get(), 1, 0, nullptr), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);

  Buffer<float> data(1024);
  EXPECT_EQ(run_copy(data.get(), data.get(), 1024, 500, nullptr), cudaErrorInvalidValue);  // 250 KiB of shared memory
  EXPECT_EQ(run_copy(data.get(), data.get(), 1024, 400, nullptr), cudaSuccess) << simt::last_error();
  {
    With sm80([](simt::Options& o) { o.arch = 80; });
    EXPECT_EQ(run_copy(data.get(), data.get(), 1024, 400, nullptr), cudaErrorInvalidValue);  // 200 KiB, 163 there
    EXPECT_EQ(matmul_wgmma(WgmmaForm::kShared, nullptr, nullptr, nullptr, 64, 64, 64, nullptr), cudaErrorLaunchFailure);
    EXPECT_NE(simt::last_error().find("sm_90"), std::string::npos) << simt::last_error();
  }
}

TEST(Launch, NeedsHooksForRaces) {
  With race([](simt::Options& o) { o.race = true; });
  Buffer<int> counter(2);
  EXPECT_FALSE(simt::has_hooks());
  EXPECT_EQ(run_counter(counter.get(), 1, 32, nullptr), cudaErrorNotSupported);
}

TEST(Runtime, MemoryStreamsEvents) {
  size_t before = 0, after = 0, total = 0;
  ASSERT_EQ(cudaMemGetInfo(&before, &total), cudaSuccess);
  float *p = nullptr, *q = nullptr;
  ASSERT_EQ(cudaMalloc(&p, 4096), cudaSuccess);
  EXPECT_TRUE(std::isnan(p[17]));  // fresh memory is poison
  ASSERT_EQ(cudaMemGetInfo(&after, &total), cudaSuccess);
  EXPECT_EQ(before - after, 4096u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % 256, 0u);
  ASSERT_EQ(cudaMallocHost(&q, 4096), cudaSuccess);
  cudaStream_t stream;
  cudaEvent_t start, stop;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&start), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&stop), cudaSuccess);
  float ms = -1;
  EXPECT_EQ(cudaEventElapsedTime(&ms, start, stop), cudaErrorInvalidResourceHandle);  // not recorded yet
  ASSERT_EQ(cudaEventRecord(start, stream), cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(p, 0, 4096, stream), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(q, p, 4096, cudaMemcpyDeviceToHost, stream), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(stop, stream), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(stream, stop), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  ASSERT_EQ(cudaEventElapsedTime(&ms, start, stop), cudaSuccess);
  EXPECT_GE(ms, 0);
  EXPECT_EQ(q[1023], 0);
  EXPECT_EQ(cudaEventDestroy(start), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(stop), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(cudaFree(p), cudaSuccess);
  EXPECT_EQ(cudaFree(p), cudaErrorInvalidDevicePointer);
  EXPECT_EQ(cudaFreeHost(q), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&p, size_t(200) << 30), cudaErrorMemoryAllocation);
  cudaGetLastError();
}

TEST(Runtime, Device) {
  cudaDeviceProp p;
  ASSERT_EQ(cudaGetDeviceProperties(&p, 0), cudaSuccess);
  EXPECT_EQ(p.major, 9);
  EXPECT_EQ(p.sharedMemPerBlockOptin, 227u * 1024);
  EXPECT_EQ(cudaGetDeviceProperties(&p, 1), cudaErrorInvalidDevice);
  int value = 0;
  EXPECT_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0), cudaSuccess);
  EXPECT_EQ(value, 227 * 1024);
  cudaGetLastError();
}

TEST(Bf16, RoundsToNearestEven) {
  EXPECT_EQ(__bfloat16_as_ushort(__nv_bfloat16(1.0f)), 0x3f80);
  EXPECT_EQ(__bfloat16_as_ushort(__nv_bfloat16(__uint_as_float(0x3f808000u))), 0x3f80);  // ties to even
  EXPECT_EQ(__bfloat16_as_ushort(__nv_bfloat16(__uint_as_float(0x3f818000u))), 0x3f82);
  EXPECT_EQ(__bfloat16_as_ushort(__nv_bfloat16(__uint_as_float(0x3f808001u))), 0x3f81);
  EXPECT_EQ(__bfloat16_as_ushort(__nv_bfloat16(__uint_as_float(0x7f7fffffu))), 0x7f80);  // overflows to infinity
  EXPECT_EQ(__bfloat16_as_ushort(__nv_bfloat16(NAN)), 0x7fff);
  EXPECT_EQ(__bfloat16_as_ushort(__nv_bfloat16(-0.0f)), 0x8000);
  for (uint32_t i = 0; i < 0x10000; ++i) {
    const float f = float(__ushort_as_bfloat16(static_cast<unsigned short>(i)));
    if (!std::isnan(f)) {
      EXPECT_EQ(__bfloat16_as_ushort(__nv_bfloat16(f)), i);
    }
  }
}

TEST(Intrinsics, Bits) {
  EXPECT_EQ(__byte_perm(0x33221100u, 0x77665544u, 0x5410), 0x55441100u);
  EXPECT_EQ(__byte_perm(0x80000080u, 0, 0x88b8), 0xffffffffu);
  EXPECT_EQ(__brev(1u), 0x80000000u);
  EXPECT_EQ(__umulhi(0x80000000u, 6u), 3u);
  EXPECT_EQ(__funnelshift_l(0xf0000000u, 0x1u, 4), 0x1fu);
  EXPECT_EQ(__funnelshift_r(0xf0000000u, 0x1u, 28), 0x1fu);
}

}  // namespace
}  // namespace simt_test
