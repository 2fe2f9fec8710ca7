// Launches that may start early, in the plain build: values and refusals. Races: races_race_test.cpp.
#include <kernels.h>
#include <support.h>

namespace simt_test {
namespace {

class EarlyLaunches : public testing::Test {
 protected:
  EarlyLaunches() : in_(64), between_(256), out_(256) {
    for (size_t i = 0; i < 64; ++i) in_[i] = uint32_t(i * i * 7 + 5);
  }
  cudaError_t run(EarlyFault fault) { return run_early(fault, 2, in_.get(), between_.get(), out_.get(), nullptr); }

  With restore_;
  Buffer<uint32_t> in_, between_, out_;
};

TEST_F(EarlyLaunches, SeeWhatCameBefore) {
  ASSERT_EQ(run(EarlyFault::kNone), cudaSuccess) << simt::last_error();
  for (size_t i = 0; i < 256; ++i) EXPECT_EQ(out_[i], between_[(i * 7 + 13) % 256]);
}

TEST_F(EarlyLaunches, EveryThreadWaits) {
  expect_failure(run(EarlyFault::kNoWait), {"without having waited", "second_kernel"});
}

TEST_F(EarlyLaunches, NeedHopper) {
  With sm80([](simt::Options& o) { o.arch = 80; });
  EXPECT_EQ(run(EarlyFault::kNone), cudaErrorInvalidConfiguration);
  EXPECT_NE(simt::last_error().find("sm_90"), std::string::npos) << simt::last_error();
}

}  // namespace
}  // namespace simt_test
