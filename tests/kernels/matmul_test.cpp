#include "kernels/ops/matmul.h"

#include "tests/reference/matmul_reference.h"
#include "tests/support/guarded_tensor.h"
#include "tests/support/test_backend.h"

namespace encore::test {
namespace {

struct Case {
  int64_t m, n, k;
  DType dtype = DType::kF32;
  int64_t gap = 0;  // elements between rows
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.m << "x" << c.n << "x" << c.k << " " << name_of(c.dtype) << " gap " << c.gap;
}

class MatmulTest : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    backend_ = make_test_backend(2);
    if (GetParam().dtype == DType::kBF16 && !backend_->native_bf16()) GTEST_SKIP() << "skipped: no bf16 products";
  }
  GuardedTensor make(DType dtype, int64_t rows, int64_t cols) {
    return GuardedTensor(*backend_, dtype, rows, cols, cols + GetParam().gap);
  }
  // At most twice the error of plain single-precision loops that round once at the end, plus a floor.
  static void expect_close(const std::vector<double>& got, const std::vector<double>& exact,
                           const std::vector<double>& plain) {
    EXPECT_LE(worst_difference(got, exact), 2 * worst_difference(plain, exact) + 1e-6 * largest(exact));
  }

  std::unique_ptr<Backend> backend_;
  std::mt19937_64 random_{7};
};

// Sums of plain loops, `add` included, rounded to the dtype.
template <class Sum, class A, class B, class Add>
std::vector<double> expected(int64_t m, int64_t n, int64_t k, A&& a, B&& b, Add&& add, DType dtype) {
  std::vector<double> c = reference::product<Sum>(m, n, k, a, b);
  for (int64_t i = 0; i < m * n; ++i) {
    c[size_t(i)] += add(i / n, i % n);
    if (sizeof(Sum) == 4) c[size_t(i)] = rounded(c[size_t(i)], dtype);
  }
  return c;
}

TEST_P(MatmulTest, ForwardWithAndWithoutBias) {
  const auto [m, n, k, dtype, gap] = GetParam();
  auto x = make(dtype, m, k), w = make(dtype, n, k), y = make(dtype, m, n);
  GuardedTensor bias(*backend_, DType::kF32, 1, n);
  x.fill_normal(random_);
  w.fill_normal(random_);
  bias.fill_normal(random_, 3);
  const auto xs = x.get(), ws = w.get(), bs = bias.get();
  const auto a = [&, k = k](int64_t i, int64_t p) { return xs[size_t(i * k + p)]; };
  const auto b = [&, k = k](int64_t p, int64_t j) { return ws[size_t(j * k + p)]; };
  for (const bool with_bias : {false, true}) {
    const auto add = [&](int64_t, int64_t j) { return with_bias ? bs[size_t(j)] : 0; };
    const auto exact = expected<double>(m, n, k, a, b, add, dtype);
    // The bias too is rounded to bf16, as in PyTorch's autocast.
    const auto add_plain = [&, dtype = dtype](int64_t i, int64_t j) { return rounded(add(i, j), dtype); };
    const auto plain = expected<float>(m, n, k, a, b, add_plain, dtype);
    // The second use of a weight packs it and the third uses the packed copy; then the weight changes.
    for (int use = 0; use < 3; ++use) {
      y.fill(NAN);
      linear_forward(*backend_, {.x = x, .w = w, .bias = with_bias ? *bias : Tensor(), .y = y});
      expect_close(y.get(), exact, plain);
    }
    backend_->weights_changed();
  }
  EXPECT_TRUE(y.guards_hold() && x.guards_hold() && w.guards_hold());
}

TEST_P(MatmulTest, PackedWeightsFollowWeightsChanged) {
  const auto [m, n, k, dtype, gap] = GetParam();
  if (k == 0 || m * n == 0) GTEST_SKIP() << "skipped: nothing to multiply";
  auto x = make(dtype, m, k), w = make(dtype, n, k), y = make(dtype, m, n);
  x.fill_normal(random_);
  w.fill_normal(random_);
  for (int use = 0; use < 3; ++use) linear_forward(*backend_, {.x = x, .w = w, .y = y});
  const auto before = y.get();
  w.fill_normal(random_);
  backend_->weights_changed();
  linear_forward(*backend_, {.x = x, .w = w, .y = y});
  const auto fresh = y.get();
  for (int use = 0; use < 2; ++use) linear_forward(*backend_, {.x = x, .w = w, .y = y});
  EXPECT_GT(worst_difference(before, fresh), 1e-3 * largest(fresh));
  EXPECT_EQ(y.get(), fresh) << "packing must not change a bit: evaluation between steps packs, a resumed run does not";
}

TEST_P(MatmulTest, BackwardInput) {
  const auto [m, n, k, dtype, gap] = GetParam();
  auto dy = make(dtype, m, n), w = make(dtype, n, k), dx = make(dtype, m, k);
  dy.fill_normal(random_);
  w.fill_normal(random_);
  const auto ds = dy.get(), ws = w.get();
  const auto a = [&, n = n](int64_t i, int64_t p) { return ds[size_t(i * n + p)]; };
  const auto b = [&, k = k](int64_t p, int64_t j) { return ws[size_t(p * k + j)]; };
  for (const bool accumulate : {false, true}) {
    dx.fill_normal(random_, accumulate ? 10 : 0);
    auto before = dx.get();
    if (!accumulate) dx.fill(NAN), before.assign(before.size(), 0);
    const auto add = [&, k = k](int64_t i, int64_t j) { return before[size_t(i * k + j)]; };
    linear_backward_input(*backend_, {.dy = dy, .w = w, .dx = dx, .accumulate = accumulate});
    expect_close(dx.get(), expected<double>(m, k, n, a, b, add, dtype), expected<float>(m, k, n, a, b, add, dtype));
  }
  EXPECT_TRUE(dx.guards_hold() && dy.guards_hold() && w.guards_hold());
}

TEST_P(MatmulTest, BackwardWeightAddsInSinglePrecision) {
  const auto [m, n, k, dtype, gap] = GetParam();
  auto dy = make(dtype, m, n), x = make(dtype, m, k), dw = make(DType::kF32, n, k);
  dy.fill_normal(random_);
  x.fill_normal(random_);
  dw.fill_normal(random_, 5);
  const auto ds = dy.get(), xs = x.get(), before = dw.get();
  const auto a = [&, n = n](int64_t i, int64_t p) { return ds[size_t(p * n + i)]; };
  const auto b = [&, k = k](int64_t p, int64_t j) { return xs[size_t(p * k + j)]; };
  const auto add = [&, k = k](int64_t i, int64_t j) { return before[size_t(i * k + j)]; };
  linear_backward_weight(*backend_, {.dy = dy, .x = x, .dw = dw});
  expect_close(dw.get(), expected<double>(n, k, m, a, b, add, DType::kF32),
               expected<float>(n, k, m, a, b, add, DType::kF32));
  EXPECT_TRUE(dw.guards_hold() && dy.guards_hold() && x.guards_hold());
}

constexpr DType F = DType::kF32, B = DType::kBF16;
INSTANTIATE_TEST_SUITE_P(Shapes, MatmulTest,
                         ::testing::Values(Case{1, 1, 1, F}, Case{1, 1, 1, B}, Case{1, 7, 33, F}, Case{1, 7, 33, B, 5},
                                           Case{13, 1, 17, F, 3}, Case{13, 1, 17, B}, Case{0, 16, 16, F},
                                           Case{0, 16, 16, B}, Case{31, 33, 63, F, 1}, Case{31, 33, 63, B, 1},
                                           Case{65, 127, 129, B, 7}, Case{65, 127, 129, F}, Case{101, 768, 256, F, 256},
                                           Case{101, 256, 768, B, 512}, Case{257, 96, 513, B}, Case{3, 2003, 40, B},
                                           Case{3, 2003, 40, F, 5}, Case{32, 65, 768, F}, Case{32, 65, 768, B},
                                           Case{13, 1, 17, B, 3}));  // 65: two threads have 64 columns and one

TEST(Matmul, RefusesBf16WhereTheProcessorHasNone) {
  const auto backend = make_test_backend(1);
  if (backend->native_bf16()) GTEST_SKIP() << "skipped: bf16 products are there";
  GuardedTensor x(*backend, DType::kBF16, 4, 4), w(*backend, DType::kBF16, 4, 4), y(*backend, DType::kBF16, 4, 4);
  try {
    linear_forward(*backend, {.x = x, .w = w, .y = y});
    FAIL() << "not refused";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("--dtype fp32"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace encore::test
