#include "kernels/ops/gelu.h"

#include "tests/support/op_test.h"
#include "tests/support/random_shapes.h"

namespace encore::test {
namespace {

struct Case {
  int64_t rows, cols;
  DType dtype;
  bool bias = true;
  int64_t gap = 0;
  double deviation = 2;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << name_of(c.dtype) << " [" << c.rows << ", " << c.cols << "]" << (c.bias ? " bias" : "") << " gap "
             << c.gap << " deviation " << c.deviation;
}

class GeluTest : public OpTest, public ::testing::WithParamInterface<Case> {};

TEST_P(GeluTest, Forward) {
  const auto [rows, cols, dtype, with_bias, gap, deviation] = GetParam();
  auto &x = normal(dtype, rows, cols, deviation, 0, gap), &y = blank(dtype, rows, cols, gap);
  auto& bias = normal(DType::kF32, 1, cols);
  gelu_forward(backend(), {.x = x, .bias = with_bias ? *bias : Tensor(), .y = y});
  const Values b = with_bias ? bias.get() : Values();
  expect_close("y", y.get(), reference::map_biased<double>(x.get(), b, cols, reference::gelu<double>),
               reference::map_biased<float>(x.get(), b, cols, reference::gelu<float>), dtype);
}

TEST_P(GeluTest, Backward) {
  const auto [rows, cols, dtype, with_bias, gap, deviation] = GetParam();
  auto &dy = normal(dtype, rows, cols, 1, 0, gap), &x = normal(dtype, rows, cols, deviation, 0, gap),
       &dx = blank(dtype, rows, cols, gap);
  auto &bias = normal(DType::kF32, 1, cols), &dbias = normal(DType::kF32, 1, cols);
  const Values dbias0 = dbias.get(), b = with_bias ? bias.get() : Values();
  GeluBackward a{.dy = dy, .x = x, .dx = dx, .dbias = dbias};
  if (with_bias) a.bias = bias;
  gelu_backward(backend(), a);
  const Values exact = reference::product<double>(
      dy.get(), reference::map_biased<double>(x.get(), b, cols, reference::gelu_derivative<double>));
  const Values plain = reference::product<float>(
      dy.get(), reference::map_biased<float>(x.get(), b, cols, reference::gelu_derivative<float>));
  const Values got = dx.get();
  expect_close("dx", got, exact, plain, dtype);
  expect_close("dbias", dbias.get(), sum_of(reference::column_sums<double>(exact, rows, cols), dbias0),
               sum_of(reference::column_sums<float>(plain, rows, cols), dbias0), DType::kF32, 1e-6);
  // In place (dx is dy), without the gradient of the bias.
  a.dx = dy;
  a.dbias = {};
  gelu_backward(backend(), a);
  expect_same("dx in place", dy.get(), got);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    for (const int64_t cols : {1, 7, 15, 16, 17, 31, 33, 67, 768}) all.push_back({5, cols, dtype});
    all.push_back({0, 64, dtype});
    all.push_back({3, 3072, dtype, false});
    all.push_back({131, 3072, dtype, true, 5});
    all.push_back({2200, 19, dtype});
    all.push_back({7, 500, dtype, false, 0, 30});  // far out in both tails
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, GeluTest, ::testing::ValuesIn(cases()));
INSTANTIATE_TEST_SUITE_P(Random, GeluTest, ::testing::ValuesIn(RandomShapes::cases(2, [](RandomShapes& r) {
                           return Case{r.rows(), r.columns(1000), r.dtype(), r.coin(), r.gap()};
                         })));

class GeluFacts : public OpTest {};

TEST_F(GeluFacts, ReferenceDerivativeIsAFiniteDifference) {
  for (double u = -6; u <= 6; u += 0.37) {
    const double h = 1e-5;
    const double slope = (reference::gelu(u + h) - reference::gelu(u - h)) / (2 * h);
    EXPECT_NEAR(reference::gelu_derivative(u), slope, 1e-9);
  }
}

// Keeps its relative accuracy in the lower tail, where 1 + erf cancels.
TEST_F(GeluFacts, LowerTailKeepsItsRelativeAccuracy) {
  Values us;
  for (double u = -12.5; u < 0; u += 0.01) us.push_back(double(float(u)));
  const int64_t n = int64_t(us.size());
  auto &x = given(DType::kF32, 1, n, us), &y = blank(DType::kF32, 1, n);
  gelu_forward(backend(), {.x = x, .y = y});
  const Values got = y.get();
  for (size_t i = 0; i < us.size(); ++i) {
    const double exact = us[i] / 2 * std::erfc(-us[i] / std::sqrt(2.0));
    EXPECT_NEAR(got[i] / exact, 1, us[i] > -4 ? 1.5e-6 : 1e-5) << us[i];
  }
}

TEST_F(GeluFacts, ExtremesAndNan) {
  const double inf = HUGE_VAL;
  auto &x = given(DType::kF32, 1, 6, {0, -0.0, inf, 3e38, -3e38, NAN}), &y = blank(DType::kF32, 1, 6);
  auto &dy = make(DType::kF32, 1, 6), &dx = blank(DType::kF32, 1, 6);
  dy.fill(1);
  gelu_forward(backend(), {.x = x, .y = y});
  gelu_backward(backend(), {.dy = dy, .x = x, .dx = dx});
  const Values g = y.get(), d = dx.get();
  EXPECT_EQ(g[0], 0);
  EXPECT_EQ(g[1], 0);
  EXPECT_EQ(g[2], inf);
  EXPECT_EQ(g[3], double(3e38f));
  EXPECT_EQ(g[4], 0);
  EXPECT_TRUE(std::isnan(g[5]));
  EXPECT_NEAR(d[0], 0.5, 1e-7);
  EXPECT_EQ(d[3], 1);
  EXPECT_EQ(d[4], 0);
  EXPECT_TRUE(std::isnan(d[5]));
}

// An element's bits depend neither on its column nor on its row.
TEST_F(GeluFacts, ElementsDoNotSeeTheirPlace) {
  const int64_t rows = 70, cols = 37;
  auto &x = make(DType::kF32, rows, cols), &y = blank(DType::kF32, rows, cols);
  x.fill(0.7312);
  gelu_forward(backend(), {.x = x, .y = y});
  expect_same("y", y.get(), Values(size_t(rows * cols), y.get()[0]));
}

}  // namespace
}  // namespace encore::test
