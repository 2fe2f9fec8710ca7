// Whole products through every asynchronous mechanism, in every schedule, against double precision.
#include <kernels.h>
#include <support.h>

namespace simt_test {
namespace {

struct Schedule {
  simt::Order order;
  simt::Async async;
  uint64_t seed;
};

class Matmul : public testing::TestWithParam<Schedule> {
 protected:
  void SetUp() override {
    simt::options().order = GetParam().order;
    simt::options().async = GetParam().async;
    simt::options().seed = GetParam().seed;
  }
  With restore_;
};

TEST_P(Matmul, MmaCpAsyncLdmatrix) {
  for (const auto& [m, n, k] : {std::tuple{64, 64, 64}, {70, 33, 200}, {1, 8, 8}, {128, 64, 136}}) {
    Buffer<__nv_bfloat16> a(size_t(m) * k), b(size_t(n) * k);
    Buffer<float> c(size_t(m) * n);
    fill_normal(a, 1);
    fill_normal(b, 2);
    ASSERT_EQ(matmul_mma(a.get(), b.get(), c.get(), m, n, k, nullptr), cudaSuccess) << simt::last_error();
    EXPECT_LT(matmul_error(a, b, c, m, n, k, false, 1), 1e-4) << m << " " << n << " " << k;
  }
}

TEST_P(Matmul, TmaMbarrierWgmma) {
  for (WgmmaForm form : {WgmmaForm::kShared, WgmmaForm::kRegisters, WgmmaForm::kTransposed,
                         WgmmaForm::kRegistersTransposed, WgmmaForm::kScaled, WgmmaForm::kWide}) {
    const int m = 72, n = 136, k = 192;
    const bool transposed = form == WgmmaForm::kTransposed || form == WgmmaForm::kRegistersTransposed;
    Buffer<__nv_bfloat16> a(size_t(m) * k), b(size_t(n) * k);
    Buffer<float> c(size_t(m) * n);
    fill_normal(a, 3);
    fill_normal(b, 4);
    ASSERT_EQ(matmul_wgmma(form, a.get(), b.get(), c.get(), m, n, k, nullptr), cudaSuccess) << simt::last_error();
    EXPECT_LT(matmul_error(a, b, c, m, n, k, transposed, form == WgmmaForm::kScaled ? 2 : 1), 2e-4) << int(form);
  }
}

INSTANTIATE_TEST_SUITE_P(Schedules, Matmul,
                         testing::Values(Schedule{simt::Order::kFifo, simt::Async::kLate, 1},
                                         Schedule{simt::Order::kFifo, simt::Async::kEarly, 1},
                                         Schedule{simt::Order::kLifo, simt::Async::kLate, 1},
                                         Schedule{simt::Order::kReverse, simt::Async::kRandom, 2},
                                         Schedule{simt::Order::kRandom, simt::Async::kRandom, 3},
                                         Schedule{simt::Order::kPct, simt::Async::kLate, 4},
                                         Schedule{simt::Order::kPct, simt::Async::kRandom, 5},
                                         Schedule{simt::Order::kPct, simt::Async::kEarly, 6}));

TEST(MatmulCounters, CountWhatTheKernelDoes) {
  const int m = 128, n = 64, k = 128;
  Buffer<__nv_bfloat16> a(size_t(m) * k), b(size_t(n) * k);
  Buffer<float> c(size_t(m) * n);
  fill_normal(a, 5);
  fill_normal(b, 6);
  simt::reset_stats();
  ASSERT_EQ(matmul_mma(a.get(), b.get(), c.get(), m, n, k, nullptr), cudaSuccess) << simt::last_error();
  const simt::Stats s = simt::stats();
  EXPECT_EQ(s.launches, 1u);
  EXPECT_EQ(s.blocks, 2u);
  EXPECT_EQ(s.mma_flops, 2u * m * n * k);
  EXPECT_EQ(s.async_global_bytes, 2u * (m * k + 2 * n * k));  // B is read by both blocks
  EXPECT_GT(s.ldmatrix_phases, 0u);
  EXPECT_EQ(s.ldmatrix_conflicts, 0u);
}

}  // namespace
}  // namespace simt_test
