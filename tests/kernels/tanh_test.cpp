#include "kernels/ops/tanh.h"

#include "tests/support/op_test.h"
#include "tests/support/random_shapes.h"

namespace encore::test {
namespace {

struct Case {
  int64_t rows, cols;
  DType dtype;
  bool bias = true;
  int64_t gap = 0;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << name_of(c.dtype) << " [" << c.rows << ", " << c.cols << "]" << (c.bias ? " bias" : "") << " gap "
             << c.gap;
}

class TanhTest : public OpTest, public ::testing::WithParamInterface<Case> {};

TEST_P(TanhTest, Forward) {
  const auto [rows, cols, dtype, with_bias, gap] = GetParam();
  auto &x = normal(dtype, rows, cols, 2, 0, gap), &y = blank(dtype, rows, cols, gap);
  auto& bias = normal(DType::kF32, 1, cols);
  TanhForward a{.x = x, .y = y};
  if (with_bias) a.bias = bias;
  tanh_forward(backend(), a);
  const Values b = with_bias ? bias.get() : Values(), got = y.get();
  expect_close("y", got, reference::map_biased<double>(x.get(), b, cols, [](double u) { return std::tanh(u); }),
               reference::map_biased<float>(x.get(), b, cols, [](float u) { return std::tanh(u); }), dtype);
  a.y = x;
  tanh_forward(backend(), a);
  expect_same("y in place", x.get(), got);
}

TEST_P(TanhTest, Backward) {
  const auto [rows, cols, dtype, with_bias, gap] = GetParam();
  auto &dy = normal(dtype, rows, cols, 1, 0, gap), &y = normal(dtype, rows, cols, 0.5, 0, gap),
       &dx = blank(dtype, rows, cols, gap);
  auto& dbias = normal(DType::kF32, 1, cols);
  const Values dbias0 = dbias.get();
  TanhBackward a{.dy = dy, .y = y, .dx = dx, .dbias = dbias};
  tanh_backward(backend(), a);
  const auto slope = []<class Real>(Real t) { return Real(1) - t * t; };
  const Values exact = reference::product<double>(dy.get(), reference::map_biased<double>(y.get(), {}, cols, slope));
  const Values plain = reference::product<float>(dy.get(), reference::map_biased<float>(y.get(), {}, cols, slope));
  const Values got = dx.get();
  expect_close("dx", got, exact, plain, dtype);
  expect_close("dbias", dbias.get(), sum_of(reference::column_sums<double>(exact, rows, cols), dbias0),
               sum_of(reference::column_sums<float>(plain, rows, cols), dbias0), DType::kF32, 1e-6);
  a.dx = dy;
  a.dbias = {};
  tanh_backward(backend(), a);
  expect_same("dx in place", dy.get(), got);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    for (const int64_t cols : {1, 7, 15, 16, 17, 67, 768}) all.push_back({5, cols, dtype});
    all.push_back({0, 64, dtype});
    all.push_back({200, 768, dtype, false, 3});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, TanhTest, ::testing::ValuesIn(cases()));
INSTANTIATE_TEST_SUITE_P(Random, TanhTest, ::testing::ValuesIn(RandomShapes::cases(3, [](RandomShapes& r) {
                           return Case{r.rows(), r.columns(1000), r.dtype(), r.coin(), r.gap()};
                         })));

class TanhFacts : public OpTest {};

TEST_F(TanhFacts, SmallLargeAndNan) {
  Values xs{1e-20, -1e-5, 0.6249, 0.6251, -0.6251, 9, -50, HUGE_VAL, NAN};
  auto &x = given(DType::kF32, 1, 9, xs), &y = blank(DType::kF32, 1, 9);
  tanh_forward(backend(), {.x = x, .y = y});
  const Values in = x.get(), got = y.get();
  for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(got[i] / std::tanh(in[i]), 1, 3e-7) << in[i];
  EXPECT_TRUE(std::isnan(got[8]));
}

// d tanh = 1 - tanh^2, against differences of std::tanh.
TEST_F(TanhFacts, BackwardIsTheSlopeOfTheForward) {
  for (double u = -3; u < 3; u += 0.4) {
    auto &y = given(DType::kF32, 1, 1, {std::tanh(u)}), &dy = given(DType::kF32, 1, 1, {1.5}),
         &dx = blank(DType::kF32, 1, 1);
    tanh_backward(backend(), {.dy = dy, .y = y, .dx = dx});
    EXPECT_NEAR(dx.get()[0], 1.5 * (std::tanh(u + 1e-5) - std::tanh(u - 1e-5)) / 2e-5, 1e-6);
  }
}

}  // namespace
}  // namespace encore::test
