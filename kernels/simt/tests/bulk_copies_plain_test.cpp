// Bulk copies in the plain build: their values, when they land, and refusals. Races: races_race_test.cpp.
#include <kernels.h>
#include <support.h>

namespace simt_test {
namespace {

class BulkCopies : public testing::Test {
 protected:
  static constexpr size_t kRows = 7, kWords = 160;
  BulkCopies() : in_(kRows * kWords), out_(kRows * 32) {
    for (size_t i = 0; i < in_.size(); ++i) in_[i] = uint32_t(i * i * 7 + 5);
  }
  cudaError_t run(BulkFault fault, size_t rows = kRows) {
    return run_bulk_copies(fault, in_.get(), int(rows), out_.get(), nullptr);
  }
  uint32_t expected(size_t row, size_t lane) {
    uint32_t sum = 0;
    for (size_t i = lane; i < kWords + lane; ++i) {
      const uint32_t word = in_[row * kWords + i % kWords];
      sum = sum * 31 + (i % kWords ? word : word ^ uint32_t(row));
    }
    return sum;
  }
  void expect_report(BulkFault fault, const char* part) { expect_failure(run(fault), {part, "bulk_copies.cu"}); }

  With restore_;
  Buffer<uint32_t> in_, out_;
};

TEST_F(BulkCopies, RowsArrive) {
  for (auto order :
       {simt::Order::kFifo, simt::Order::kLifo, simt::Order::kReverse, simt::Order::kRandom, simt::Order::kPct}) {
    simt::options().order = order;
    for (auto async : {simt::Async::kLate, simt::Async::kEarly, simt::Async::kRandom}) {
      simt::options().async = async;
      simt::reset_stats();
      ASSERT_EQ(run(BulkFault::kNone), cudaSuccess) << simt::last_error();
      for (size_t i = 0; i < out_.size(); ++i) ASSERT_EQ(out_[i], expected(i / 32, i % 32)) << i;
      EXPECT_EQ(simt::stats().async_global_bytes, kRows * kWords * 4);
    }
  }
}

TEST_F(BulkCopies, LateCopiesSpoilReadsBeforeTheWait) {
  ASSERT_EQ(run(BulkFault::kIgnoreFull, 2), cudaSuccess) << simt::last_error();
  EXPECT_NE(out_[0], expected(0, 0));
}

TEST_F(BulkCopies, ReportsNameTheLine) {
  expect_report(BulkFault::kMisaligned, "multiples of 16");
  expect_report(BulkFault::kHalfTheBytes, "deadlock");
  With sm80([](simt::Options& o) { o.arch = 80; });
  expect_report(BulkFault::kNone, "sm_90");
}

}  // namespace
}  // namespace simt_test
