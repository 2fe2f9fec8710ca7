// Races that the happens-before detector must find in every schedule, with both lines in the message; and the traffic
// counters, which use the same instrumentation.
#include <kernels.h>
#include <support.h>

namespace simt_test {
namespace {

class Races : public testing::Test {
 protected:
  Races() : out_(4096), in_(1024) {
    simt::options().race = true;
    for (size_t i = 0; i < 4096; ++i) out_[i] = 0;
    for (size_t i = 0; i < 1024; ++i) in_[i] = float(i);
  }
  void expect_report(Fault f, const std::vector<std::string>& parts) {
    expect_failure(run_fault(f, out_.get(), in_.get(), nullptr), parts);
  }
  static std::string at(const std::string& tag) { return place("faults.cu", tag); }

  With restore_;
  Buffer<float> out_, in_;
};

TEST_F(Races, NoneInTheRightKernels) {
  for (auto order : {simt::Order::kFifo, simt::Order::kLifo, simt::Order::kPct}) {
    simt::options().order = order;
    EXPECT_EQ(run_fault(Fault::kNone, out_.get(), in_.get(), nullptr), cudaSuccess) << simt::last_error();
    const int m = 70, n = 72, k = 192;
    Buffer<__nv_bfloat16> a(size_t(m) * k), b(size_t(n) * k);
    Buffer<float> c(size_t(m) * n);
    fill_normal(a, 1);
    fill_normal(b, 2);
    EXPECT_EQ(matmul_mma(a.get(), b.get(), c.get(), m, n, k, nullptr), cudaSuccess) << simt::last_error();
    EXPECT_LT(matmul_error(a, b, c, m, n, k, false, 1), 1e-4);
    for (WgmmaForm form : {WgmmaForm::kShared, WgmmaForm::kRegisters, WgmmaForm::kTransposed,
                           WgmmaForm::kRegistersTransposed, WgmmaForm::kScaled, WgmmaForm::kWide}) {
      EXPECT_EQ(matmul_wgmma(form, a.get(), b.get(), c.get(), m, n, k, nullptr), cudaSuccess) << simt::last_error();
    }
  }
}

TEST_F(Races, Barriers) {
  for (auto order : {simt::Order::kFifo, simt::Order::kReverse, simt::Order::kRandom}) {
    simt::options().order = order;
    expect_report(Fault::kMissingSyncthreads,
                  {"race: ", at("neighbour-write"), at("neighbour-read"), "static shared +"});
    expect_report(Fault::kMissingSyncthreadsBeforeReuse,
                  {"write by", at("neighbour-write"), "read by", at("neighbour-read")});
    expect_report(Fault::kMissingSyncwarp, {at("warp-write"), at("warp-read")});
  }
}

TEST_F(Races, Copies) {
  simt::options().async = simt::Async::kEarly;  // the values are right, and the race is seen all the same
  expect_report(Fault::kReadBeforeWait, {"cp.async of thread", at("copy"), at("copy-read"), "dynamic shared +"});
  expect_report(Fault::kWaitOneGroupTooFew, {at("copy"), at("copy-read")});
}

TEST_F(Races, Blocks) {
  expect_report(Fault::kBlocksWithoutAtomics, {at("plain-add"), "of block 0", "of block 1", "global memory"});
}

TEST_F(Races, SharedMemoryNobodyWroteOrOwns) {
  expect_report(Fault::kUninitialisedShared, {at("shared-read"), "nothing has written"});
  expect_report(Fault::kDynamicOutOfRange, {at("past-end"), "offset 1000", "1000 bytes"});
  expect_report(Fault::kDynamicFarOutOfRange, {at("far-past-end")});
}

TEST_F(Races, WgmmaPipelines) {
  const int m = 64, n = 64, k = 256;
  Buffer<__nv_bfloat16> a(size_t(m) * k), b(size_t(n) * k);
  Buffer<float> c(size_t(m) * n);
  fill_normal(a, 1);
  fill_normal(b, 2);
  auto run = [&](WgmmaFault f) { return matmul_wgmma_fault(f, a.get(), b.get(), c.get(), m, n, k, nullptr); };
  auto wgmma_at = [](const char* tag) { return place("matmul_wgmma.cu", tag); };
  EXPECT_EQ(run(kNone), cudaSuccess) << simt::last_error();
  simt::options().async = simt::Async::kEarly;
  expect_failure(run(kNoProxyFence), {"fence.proxy.async", wgmma_at("double"), wgmma_at("wgmma")});
  expect_failure(run(kNoNamedBarrier), {wgmma_at("double"), wgmma_at("wgmma")});
  expect_failure(run(kIgnoreFull), {"matmul_wgmma.cu"});
  expect_failure(run(kIgnoreEmpty), {"mbarrier: more arrivals"});
  expect_failure(run(kFreeBeforeWait), {wgmma_at("tma-a"), wgmma_at("wgmma")});
  simt::options().order = simt::Order::kReverse;
  expect_failure(run(kNoBarrierAfterInit), {"matmul_wgmma.cu"});
  simt::options().order = simt::Order::kFifo;
  expect_failure(run(kNoSyncwarp), {"matmul_wgmma.cu"});
}

TEST_F(Races, BulkCopies) {
  Buffer<uint32_t> in(5 * 160), out(5 * 32);
  for (size_t i = 0; i < in.size(); ++i) in[i] = uint32_t(i);
  auto run = [&](BulkFault f) { return run_bulk_copies(f, in.get(), 5, out.get(), nullptr); };
  auto line = [](const char* tag) { return place("bulk_copies.cu", tag); };
  EXPECT_EQ(run(BulkFault::kNone), cudaSuccess) << simt::last_error();
  simt::options().async = simt::Async::kEarly;
  expect_failure(run(BulkFault::kIgnoreFull), {line("bulk")});
  expect_failure(run(BulkFault::kNoProxyFence), {"fence.proxy.async", line("rewrite"), line("bulk")});
  simt::options().async = simt::Async::kLate;
  expect_failure(run(BulkFault::kIgnoreEmpty), {"mbarrier: more arrivals", "bulk_copies.cu"});
}

TEST_F(Races, EarlyLaunches) {
  Buffer<uint32_t> in(64), between(256), out(256);
  for (size_t i = 0; i < 64; ++i) in[i] = uint32_t(i);
  auto run = [&](EarlyFault f) { return run_early(f, 2, in.get(), between.get(), out.get(), nullptr); };
  EXPECT_EQ(run(EarlyFault::kNone), cudaSuccess) << simt::last_error();
  expect_failure(run(EarlyFault::kReadBeforeWait),
                 {place("early_launches.cu", "early-read"), "the launches before may not have ended"});
  simt::options().strict = false;
  expect_failure(run(EarlyFault::kNoWait), {"early_launches.cu", "the launches before may not have ended"});
}

TEST_F(Races, Traffic) {
  simt::options().race = false;
  simt::options().traffic = true;
  const int n = 4096;
  Buffer<float> in(n), out(n);
  for (size_t i = 0; i < n; ++i) in[i] = float(i);
  simt::reset_stats();
  ASSERT_EQ(run_copy(in.get(), out.get(), n, 1, nullptr), cudaSuccess) << simt::last_error();
  simt::Stats s = simt::stats();
  EXPECT_EQ(s.global_load_bytes, 4u * n);
  EXPECT_EQ(s.global_store_bytes, 4u * n);
  EXPECT_EQ(s.global_load_sectors, 4u * n / 32);
  EXPECT_EQ(s.global_store_sectors, 4u * n / 32);
  EXPECT_EQ(s.global_width[4], 2u * n / 128);  // all of them 16 bytes wide
  EXPECT_EQ(s.global_load_distinct, 4u * n / 32);
  EXPECT_EQ(s.global_store_distinct, 4u * n / 32);
  EXPECT_EQ(s.global_width[0] + s.global_width[1] + s.global_width[2] + s.global_width[3], 0u);

  for (int stride : {2, 3, 32}) {
    simt::reset_stats();
    ASSERT_EQ(run_copy(in.get(), out.get(), n, stride, nullptr), cudaSuccess) << simt::last_error();
    s = simt::stats();
    const uint64_t accesses = 2 * n / 128;  // a store and a load in each warp
    EXPECT_EQ(s.shared_ideal_wavefronts, accesses);
    EXPECT_EQ(s.shared_wavefronts, accesses * (stride == 2 ? 2 : stride == 32 ? 32 : 1)) << stride;
  }
  EXPECT_EQ(out[n - 1], float(n - 1));
}

TEST_F(Races, TrafficOfAtomics) {
  simt::options().race = false;
  simt::options().traffic = true;
  Buffer<int> counter(3);
  for (size_t i = 0; i < 3; ++i) counter[i] = 0;
  simt::reset_stats();
  ASSERT_EQ(run_counter(counter.get(), 2, 64, nullptr), cudaSuccess) << simt::last_error();
  const simt::Stats s = simt::stats();
  EXPECT_EQ(s.global_atomic_bytes, 4u * 2 * 64);
  EXPECT_EQ(s.global_load_distinct, 1u);
  EXPECT_EQ(s.global_store_distinct, 1u);
}

// Every element is read by several blocks: many sectors are moved, few are distinct. Kernels are counted apart.
TEST_F(Races, DistinctSectors) {
  simt::options().race = false;
  simt::options().traffic = true;
  const int m = 128, n = 256, k = 64;
  Buffer<__nv_bfloat16> a(size_t(m) * k), b(size_t(n) * k);
  Buffer<float> c(size_t(m) * n), out(size_t(m) * n);
  simt::reset_stats();
  ASSERT_EQ(matmul_mma(a.get(), b.get(), c.get(), m, n, k, nullptr), cudaSuccess) << simt::last_error();
  ASSERT_EQ(run_copy(c.get(), out.get(), m * n, 1, nullptr), cudaSuccess) << simt::last_error();
  const std::vector<simt::KernelStats> all = simt::stats_by_kernel();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_NE(all[0].kernel.find("matmul_mma_kernel"), std::string::npos) << all[0].kernel;
  EXPECT_NE(all[1].kernel.find("copy_kernel"), std::string::npos) << all[1].kernel;
  EXPECT_EQ(all[0].stats.global_load_distinct, 2u * (m + n) * k / 32);
  EXPECT_GT(all[0].stats.global_load_sectors, all[0].stats.global_load_distinct);
  EXPECT_EQ(all[0].stats.global_store_distinct, 4u * m * n / 32);
  EXPECT_EQ(all[1].stats.global_load_distinct, 4u * m * n / 32);
  EXPECT_EQ(all[0].stats.launches + all[1].stats.launches, simt::stats().launches);
}

TEST_F(Races, TrafficOfCopies) {
  simt::options().race = false;
  simt::options().traffic = true;
  const int m = 64, n = 64, k = 64;
  Buffer<__nv_bfloat16> a(size_t(m) * k), b(size_t(n) * k);
  Buffer<float> c(size_t(m) * n);
  simt::reset_stats();
  ASSERT_EQ(matmul_mma(a.get(), b.get(), c.get(), m, n, k, nullptr), cudaSuccess) << simt::last_error();
  const simt::Stats s = simt::stats();
  EXPECT_EQ(s.global_load_bytes, 2u * (m + n) * k);
  EXPECT_EQ(s.global_load_sectors, 2u * (m + n) * k / 32);
  EXPECT_EQ(s.global_store_bytes, 4u * m * n);
  EXPECT_EQ(s.shared_wavefronts, s.shared_ideal_wavefronts);  // the swizzled stores of cp.async
  EXPECT_NE(simt::to_json(s).find("\"global_store_bytes\": 16384"), std::string::npos) << simt::to_json(s);
}

TEST_F(Races, Clusters) {
  Buffer<uint32_t> in(64), out(8 * 96);
  for (size_t i = 0; i < 64; ++i) in[i] = uint32_t(i * i);
  auto run = [&](ClusterFault fault, int size) { return run_clusters(fault, size, 2, in.get(), out.get(), nullptr); };
  const auto line = [](const char* tag) { return place("clusters.cu", tag); };
  for (auto order : {simt::Order::kFifo, simt::Order::kLifo, simt::Order::kRandom, simt::Order::kPct}) {
    simt::options().order = order;
    for (int size : {2, 4})
      EXPECT_EQ(run(ClusterFault::kNone, size), cudaSuccess) << size << ": " << simt::last_error();
    expect_failure(run(ClusterFault::kOneBuffer, 2), {"race: ", line("store"), line("read"), "static shared +"});
    expect_failure(run(ClusterFault::kNoSyncthreads, 2), {"race: ", line("store"), line("read")});
    expect_failure(run(ClusterFault::kReadBeforeWait, 2), {"race: ", line("store"), line("read"), "of block"});
  }
}

}  // namespace
}  // namespace simt_test
