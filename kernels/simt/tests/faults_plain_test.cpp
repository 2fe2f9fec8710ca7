// Faults that the plain build finds: wrong masks, divergence, deadlocks, bad addresses, and results that poison and
// schedules make wrong.
#include <kernels.h>
#include <support.h>

namespace simt_test {
namespace {

class Faults : public testing::Test {
 protected:
  Faults() : out_(4096), in_(1024) {
    for (size_t i = 0; i < 4096; ++i) out_[i] = 0;
    for (size_t i = 0; i < 1024; ++i) in_[i] = float(i);
  }
  // The launch fails, and the message holds all of these.
  void expect_report(Fault fault, const std::vector<std::string>& parts) {
    expect_failure(run_fault(fault, out_.get(), in_.get(), nullptr), parts);
  }
  bool spoilt(Fault fault, int n) {  // the launch passes, with other results than the right kernel
    Buffer<float> good(4096);
    auto* right =
        fault == Fault::kMissingSyncthreads || fault == Fault::kMissingSyncthreadsBeforeReuse ? "neighbours" : "copies";
    EXPECT_EQ(run_fault(fault, out_.get(), in_.get(), nullptr), cudaSuccess) << simt::last_error();
    bool wrong = false;
    for (int i = 0; i < n; ++i) {
      const float expected = right[0] == 'n' ? 2 * float((i + 32) % 128) + 1 : float(i);
      wrong = wrong || out_[size_t(i)] != expected;
    }
    return wrong;
  }
  static std::string at(const std::string& tag) { return place("faults.cu", tag); }

  With restore_;
  Buffer<float> out_, in_;
};

TEST_F(Faults, NoneInTheRightKernels) {
  for (auto order :
       {simt::Order::kFifo, simt::Order::kLifo, simt::Order::kReverse, simt::Order::kRandom, simt::Order::kPct}) {
    simt::options().order = order;
    EXPECT_EQ(run_fault(Fault::kNone, out_.get(), in_.get(), nullptr), cudaSuccess) << simt::last_error();
  }
}

TEST_F(Faults, MissingBarriersSpoilResults) {
  simt::options().order = simt::Order::kLifo;
  EXPECT_TRUE(spoilt(Fault::kMissingSyncthreadsBeforeReuse, 128));
  simt::options().order = simt::Order::kFifo;
  EXPECT_TRUE(spoilt(Fault::kMissingSyncthreads, 128));
}

TEST_F(Faults, PctFindsTheReuseRace) {
  simt::options().order = simt::Order::kPct;
  bool found = false;
  for (simt::options().seed = 1; simt::options().seed <= 5; ++simt::options().seed) {
    found = found || spoilt(Fault::kMissingSyncthreadsBeforeReuse, 128);
  }
  EXPECT_TRUE(found);
}

TEST_F(Faults, LateCopiesSpoilReadsBeforeTheWait) {
  EXPECT_TRUE(spoilt(Fault::kReadBeforeWait, 1024));
  EXPECT_TRUE(std::isnan(out_[0]));  // poison, not old values
  EXPECT_TRUE(spoilt(Fault::kWaitOneGroupTooFew, 1024));
  EXPECT_EQ(out_[0], 0);
  EXPECT_TRUE(std::isnan(out_[512]));
  simt::options().async = simt::Async::kEarly;  // as a plain emulator: the fault is not seen
  EXPECT_FALSE(spoilt(Fault::kReadBeforeWait, 1024));
}

TEST_F(Faults, PoisonSpoilsWhatNobodyWrote) {
  ASSERT_EQ(run_fault(Fault::kUninitialisedLocal, out_.get(), in_.get(), nullptr), cudaSuccess);
  EXPECT_TRUE(std::isnan(out_[0]));
  ASSERT_EQ(run_fault(Fault::kUninitialisedShared, out_.get(), in_.get(), nullptr), cudaSuccess);
  EXPECT_TRUE(std::isnan(out_[0]));
  EXPECT_FALSE(std::isnan(out_[127]));
}

TEST_F(Faults, UnfinishedCopies) {
  expect_report(Fault::kUnfinishedCopies, {at("copy"), "without having waited"});
}

TEST_F(Faults, Masks) {
  expect_report(Fault::kNotInMask, {at("not-in-mask"), "is not in its mask 0000ffff"});
  expect_report(Fault::kShuffleOutsideMask, {at("outside-mask"), "shuffles from lane 20"});
  expect_report(Fault::kExitedLaneInMask, {at("exited"), "lane"});
}

TEST_F(Faults, DivergenceNamesBothLines) {
  expect_report(Fault::kDivergentShuffle, {at("divergent-low"), at("divergent-high"), "warp divergence"});
  expect_report(Fault::kDivergentBarrier, {at("barrier-low"), at("barrier-high"), "divergent __syncthreads"});
  expect_report(Fault::kExitBeforeBarrier, {at("exit-barrier"), "exit"});
  expect_report(Fault::kBarrierCount, {at("barrier-count"), "64", "128"});
}

TEST_F(Faults, DeadlockNamesWhoWaitsWhere) {
  expect_report(Fault::kDeadlockMbarrier,
                {"deadlock in block 0", at("mbarrier-wait"), at("named-wait"), "and 31 more", "and 95 more"});
}

TEST_F(Faults, Addresses) {
  expect_report(Fault::kLdmatrixOutOfRange, {at("ldmatrix-out"), "outside the block's shared memory"});
  expect_report(Fault::kMisalignedCopy, {at("misaligned"), "not 16-byte aligned"});
  expect_report(Fault::kDynamicOutOfRange, {"dynamic shared offset 1000", "1000 bytes"});
  expect_report(Fault::kDynamicFarOutOfRange, {at("far-past-end"), "1000 bytes"});
  expect_report(Fault::kWildPointer, {at("wild"), "invalid memory access"});
  expect_report(Fault::kStackOverflow, {"stack overflow", "faults.cu"});
  // The process can launch again.
  EXPECT_EQ(run_fault(Fault::kNone, out_.get(), in_.get(), nullptr), cudaSuccess) << simt::last_error();
}

TEST_F(Faults, WgmmaPipelines) {
  const int m = 64, n = 64, k = 256;
  Buffer<__nv_bfloat16> a(size_t(m) * k), b(size_t(n) * k);
  Buffer<float> c(size_t(m) * n);
  fill_normal(a, 1);
  fill_normal(b, 2);
  auto run = [&](WgmmaFault f) { return matmul_wgmma_fault(f, a.get(), b.get(), c.get(), m, n, k, nullptr); };
  ASSERT_EQ(run(kNone), cudaSuccess) << simt::last_error();
  EXPECT_LT(matmul_error(a, b, c, m, n, k, false, 2), 2e-4);
  EXPECT_EQ(run(kNoWgmmaFence), cudaErrorLaunchFailure);
  EXPECT_NE(simt::last_error().find(place("matmul_wgmma.cu", "wgmma")), std::string::npos) << simt::last_error();
  for (WgmmaFault f : {kIgnoreEmpty, kIgnoreFull, kHalfTheBytes, kFreeBeforeWait}) {
    const bool failed = run(f) != cudaSuccess;
    EXPECT_TRUE(failed || matmul_error(a, b, c, m, n, k, false, f == kFreeBeforeWait ? 1 : 2) > 1e-3) << "fault " << f;
  }
}

}  // namespace
}  // namespace simt_test
