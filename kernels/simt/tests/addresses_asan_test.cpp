// AddressSanitizer over fibers: clean kernels stay clean in every schedule, and bad addresses are found to the byte.
#include <kernels.h>
#include <support.h>

namespace simt_test {
namespace {

class Addresses : public testing::Test {
 protected:
  Addresses() : out_(4096), in_(1024) {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    for (size_t i = 0; i < 4096; ++i) out_[i] = 0;
    for (size_t i = 0; i < 1024; ++i) in_[i] = float(i);
  }
  cudaError_t run(Fault f) { return run_fault(f, out_.get(), in_.get(), nullptr); }
  With restore_;
  Buffer<float> out_, in_;
};

TEST_F(Addresses, RightKernelsAreClean) {
  for (auto order : {simt::Order::kFifo, simt::Order::kReverse, simt::Order::kPct}) {
    simt::options().order = order;
    EXPECT_EQ(run(Fault::kNone), cudaSuccess) << simt::last_error();
    const int m = 70, n = 72, k = 192;
    Buffer<__nv_bfloat16> a(size_t(m) * k), b(size_t(n) * k);
    Buffer<float> c(size_t(m) * n);
    fill_normal(a, 1);
    fill_normal(b, 2);
    EXPECT_EQ(matmul_mma(a.get(), b.get(), c.get(), m, n, k, nullptr), cudaSuccess) << simt::last_error();
    EXPECT_LT(matmul_error(a, b, c, m, n, k, false, 1), 1e-4);
    EXPECT_EQ(matmul_wgmma(WgmmaForm::kShared, a.get(), b.get(), c.get(), m, n, k, nullptr), cudaSuccess)
        << simt::last_error();
    EXPECT_LT(matmul_error(a, b, c, m, n, k, false, 1), 2e-4);
  }
}

TEST_F(Addresses, FailedLaunchesLeaveNoTrace) {
  EXPECT_EQ(run(Fault::kDivergentBarrier), cudaErrorLaunchFailure);
  EXPECT_EQ(run(Fault::kDeadlockMbarrier), cudaErrorLaunchFailure);
  EXPECT_EQ(run(Fault::kNone), cudaSuccess) << simt::last_error();
}

TEST_F(Addresses, GlobalOverread) {
  EXPECT_DEATH(run(Fault::kGlobalOverread), "heap-buffer-overflow(.|\n)*faults.cu");
}

TEST_F(Addresses, GlobalOverreadByCopy) {
  EXPECT_EQ(run(Fault::kGlobalOverreadCopy), cudaErrorLaunchFailure);
  EXPECT_NE(simt::last_error().find(place("faults.cu", "overread-copy")), std::string::npos) << simt::last_error();
}

TEST_F(Addresses, SharedOutOfRange) {
  EXPECT_DEATH(run(Fault::kDynamicOutOfRange), "use-after-poison(.|\n)*faults.cu");
}

}  // namespace
}  // namespace simt_test
