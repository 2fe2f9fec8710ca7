#include "kernels/ops/relu.h"

#include "tests/support/op_test.h"
#include "tests/support/random_shapes.h"

namespace encore::test {
namespace {

struct Case {
  int64_t rows, cols;
  DType dtype;
  int64_t gap = 0;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << name_of(c.dtype) << " [" << c.rows << ", " << c.cols << "] gap " << c.gap;
}

class ReluTest : public OpTest, public ::testing::WithParamInterface<Case> {};

TEST_P(ReluTest, ForwardAndBackward) {
  const auto [rows, cols, dtype, gap] = GetParam();
  auto &x = normal(dtype, rows, cols, 2, 0, gap), &y = blank(dtype, rows, cols, gap),
       &dy = normal(dtype, rows, cols, 1, 0, gap), &dx = blank(dtype, rows, cols, gap);
  relu_forward(backend(), {.x = x, .y = y});
  relu_backward(backend(), {.dy = dy, .y = y, .dx = dx});
  Values expected = x.get(), gradient = dy.get();
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] <= 0) gradient[i] = 0;
    expected[i] = std::max(expected[i], 0.0);
  }
  expect_same("y", y.get(), expected);
  expect_same("dx", dx.get(), gradient);
  relu_backward(backend(), {.dy = dy, .y = y, .dx = dy});
  expect_same("dx in place", dy.get(), gradient);
  relu_forward(backend(), {.x = x, .y = x});
  expect_same("y in place", x.get(), expected);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    for (const int64_t cols : {1, 7, 15, 16, 17, 81, 768}) all.push_back({5, cols, dtype});
    all.push_back({0, 64, dtype});
    all.push_back({200, 300, dtype, 3});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, ReluTest, ::testing::ValuesIn(cases()));
INSTANTIATE_TEST_SUITE_P(Random, ReluTest, ::testing::ValuesIn(RandomShapes::cases(31, [](RandomShapes& r) {
                           return Case{r.rows(), r.columns(1000), r.dtype(), r.gap()};
                         })));

class ReluFacts : public OpTest {};

TEST_F(ReluFacts, ANanStaysOneAndTheSlopeAtZeroIsZero) {
  auto &x = given(DType::kF32, 1, 5, {NAN, 0, -0.0, HUGE_VAL, -HUGE_VAL}), &y = blank(DType::kF32, 1, 5);
  relu_forward(backend(), {.x = x, .y = y});
  const Values got = y.get();
  EXPECT_TRUE(std::isnan(got[0]));
  expect_same("y", {got.begin() + 1, got.end()}, {0, 0, HUGE_VAL, 0});
  auto &dy = given(DType::kF32, 1, 5, {1, 1, 1, 1, NAN}), &dx = blank(DType::kF32, 1, 5);
  auto& at = given(DType::kF32, 1, 5, {1e-30, 0, -0.0, HUGE_VAL, 1});
  relu_backward(backend(), {.dy = dy, .y = at, .dx = dx});
  expect_same("dx", dx.get(), {1, 0, 0, 1, NAN});
}

}  // namespace
}  // namespace encore::test
