// Clusters in the plain build: values that blocks send one another, and refusals.
#include <kernels.h>
#include <support.h>

namespace simt_test {
namespace {

class Clusters : public testing::Test {
 protected:
  Clusters() : in_(64), out_(16 * 96) {
    for (size_t i = 0; i < 64; ++i) in_[i] = uint32_t(i * i * 7 + 5);
  }
  cudaError_t run(ClusterFault fault, int size, int clusters = 2) {
    for (size_t i = 0; i < out_.size(); ++i) out_[i] = 0;
    return run_clusters(fault, size, clusters, in_.get(), out_.get(), nullptr);
  }
  // The result of every thread of a block: the sum of all that the cluster's warps send to the block in four rounds.
  uint32_t expected(unsigned block, unsigned size) {
    const unsigned first = block / size * size;
    uint32_t sum = 0;
    for (unsigned round = 0; round < 4; ++round) {
      for (unsigned i = 0; i < size * 3; ++i)
        sum = sum * 31 + in_[(first * 3 + i) % 64] % 1024 + round + 7 * (block - first);
    }
    return sum;
  }
  // One cluster: of several, which run on threads of their own, either may report first.
  void expect_report(ClusterFault fault, const std::vector<std::string>& parts) {
    expect_failure(run(fault, 2, 1), parts);
  }
  static std::string at(const std::string& tag) { return place("clusters.cu", tag); }

  With restore_;
  Buffer<uint32_t> in_, out_;
};

TEST_F(Clusters, BlocksTellOneAnother) {
  for (auto order :
       {simt::Order::kFifo, simt::Order::kLifo, simt::Order::kReverse, simt::Order::kRandom, simt::Order::kPct}) {
    simt::options().order = order;
    for (unsigned size : {2u, 4u, 8u}) {
      ASSERT_EQ(run(ClusterFault::kNone, int(size)), cudaSuccess) << simt::last_error();
      for (size_t i = 0; i < 2 * size * 96; ++i)
        ASSERT_EQ(out_[i], expected(unsigned(i / 96), size)) << size << " " << i;
    }
  }
}

TEST_F(Clusters, ReportsNameTheLine) {
  expect_report(ClusterFault::kNoBarrierBefore, {at("store"), "may not have started"});
  expect_report(ClusterFault::kWrongRank, {at("store"), "block 2 of the cluster is written to, which has 2"});
  expect_report(ClusterFault::kDivergentArrive, {at("half-a-warp"), "warp divergence", "barrier.cluster.arrive"});
  expect_report(ClusterFault::kArriveTwice, {at("arrive-twice"), "twice"});
  expect_report(ClusterFault::kOneSilent, {at("wait"), "deadlock"});
}

TEST_F(Clusters, ABlockAloneMayNotStore) {
  expect_failure(run(ClusterFault::kNone, 1), {at("store"), "a block alone"});
}

TEST_F(Clusters, LateStoresSpoilReadsBeforeTheWait) {
  ASSERT_EQ(run(ClusterFault::kReadBeforeWait, 2), cudaSuccess) << simt::last_error();
  EXPECT_NE(out_[0], expected(0, 2));
  simt::options().async = simt::Async::kEarly;
  ASSERT_EQ(run(ClusterFault::kNone, 2), cudaSuccess) << simt::last_error();
  EXPECT_EQ(out_[0], expected(0, 2));
}

TEST_F(Clusters, AnExitedBlockIsNotWrittenTo) {
  expect_report(ClusterFault::kStoreAtExit, {at("store-at-exit"), "block 0 ex"});  // has exited, or exits
}

TEST_F(Clusters, AreCounted) {
  for (const int size : {1, 2, 4, 8}) {
    int count = 0;
    ASSERT_EQ(count_clusters(size, &count), cudaSuccess);
    EXPECT_EQ(count, 128 / size);
  }
}

TEST_F(Clusters, RefusesWhatHardwareRefuses) {
  EXPECT_EQ(run(ClusterFault::kNone, 9, 1), cudaErrorInvalidConfiguration);
  EXPECT_NE(simt::last_error().find("a cluster of 9 blocks"), std::string::npos) << simt::last_error();
  With sm80([](simt::Options& o) { o.arch = 80; });
  EXPECT_EQ(run(ClusterFault::kNone, 2), cudaErrorInvalidConfiguration);
  EXPECT_NE(simt::last_error().find("sm_90"), std::string::npos) << simt::last_error();
  EXPECT_EQ(run(ClusterFault::kNone, 1), cudaErrorLaunchFailure);  // sm_80 lacks the instructions too
}

}  // namespace
}  // namespace simt_test
