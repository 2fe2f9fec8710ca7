#include "kernels/ops/reduce.h"

#include "tests/support/op_test.h"
#include "tests/support/random_shapes.h"

namespace encore::test {
namespace {

class ReduceTest : public OpTest {};

TEST_F(ReduceTest, BiasGradientAddsColumnSums) {
  for (const DType dtype : {DType::kF32, DType::kBF16})
    for (const auto& [rows, cols, gap] :
         {std::array<int64_t, 3>{1, 1, 0}, {7, 17, 2}, {67, 31, 0}, {2200, 15, 1}, {300, 2304, 0}, {2, 50265, 3}}) {
      auto& dy = normal(dtype, rows, cols, 1, 0.2, gap);
      auto& dbias = normal(DType::kF32, 1, cols);
      const Values before = dbias.get();
      bias_gradient(backend(), {.dy = dy, .dbias = dbias});
      expect_close("dbias", dbias.get(), sum_of(reference::column_sums<double>(dy.get(), rows, cols), before),
                   sum_of(reference::column_sums<float>(dy.get(), rows, cols), before), DType::kF32);
    }
  auto &none = make(DType::kF32, 0, 5), &dbias = normal(DType::kF32, 1, 5);
  const Values before = dbias.get();
  bias_gradient(backend(), {.dy = none, .dbias = dbias});
  expect_same("dbias of no row", dbias.get(), before);
}

TEST_F(ReduceTest, SumOfSquaresInDoublePrecision) {
  for (const int64_t n : {1, 7, 15, 16, 17, 31, 33, 16383, 16384, 16385, 100003}) {
    auto& x = normal(DType::kF32, 1, n, 3);
    auto& result = given(DType::kF64, 1, 1, {2.5});
    sum_of_squares(backend(), {.x = x, .result = result});
    double exact = 2.5;
    for (double v : x.get()) exact += v * v;
    EXPECT_NEAR(result.get()[0] / exact, 1, 1e-13) << n;
  }
  auto &none = make(DType::kF32, 1, 0), &result = given(DType::kF64, 1, 1, {2.5});
  sum_of_squares(backend(), {.x = none, .result = result});
  EXPECT_EQ(result.get()[0], 2.5);
}

struct Case {
  int64_t rows, cols, gap;
  DType dtype;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << name_of(c.dtype) << " [" << c.rows << ", " << c.cols << "] gap " << c.gap;
}
class ReduceShapes : public OpTest, public ::testing::WithParamInterface<Case> {};

TEST_P(ReduceShapes, ColumnSumsAndSquares) {
  const auto [rows, cols, gap, dtype] = GetParam();
  auto &dy = normal(dtype, rows, cols, 1, 0.2, gap), &dbias = normal(DType::kF32, 1, cols);
  const Values before = dbias.get();
  bias_gradient(backend(), {.dy = dy, .dbias = dbias});
  expect_close("dbias", dbias.get(), sum_of(reference::column_sums<double>(dy.get(), rows, cols), before),
               sum_of(reference::column_sums<float>(dy.get(), rows, cols), before), DType::kF32);
  auto &x = normal(DType::kF32, 1, rows * cols, 3), &result = given(DType::kF64, 1, 1, {2.5});
  sum_of_squares(backend(), {.x = x, .result = result});
  long double exact = 2.5;
  for (double v : x.get()) exact += v * v;
  EXPECT_NEAR(double(result.get()[0] / exact), 1, 1e-13);
}
INSTANTIATE_TEST_SUITE_P(Random, ReduceShapes, ::testing::ValuesIn(RandomShapes::cases(7, [](RandomShapes& r) {
                           return Case{r.rows(), r.columns(1000), r.gap(), r.dtype()};
                         })));

TEST_F(ReduceTest, ThreadsChangeNoBit) {
  auto& x = normal(DType::kF32, 1, 200001);
  auto& dy = normal(DType::kF32, 900, 70);
  Values first, first_bias;
  for (const int threads : {1, 2, 3}) {
    const auto other = make_test_backend(threads);
    auto &result = given(DType::kF64, 1, 1, {0}), &dbias = make(DType::kF32, 1, 70);
    dbias.fill(0);
    sum_of_squares(*other, {.x = x, .result = result});
    bias_gradient(*other, {.dy = dy, .dbias = dbias});
    other->synchronize();
    if (threads == 1) first = result.get(), first_bias = dbias.get();
    expect_same("sum of squares", result.get(), first);
    expect_same("dbias", dbias.get(), first_bias);
  }
}

TEST_F(ReduceTest, NanAndInfinityStay) {
  auto& x = normal(DType::kF32, 1, 40000);
  Values values = x.get();
  values[39999] = HUGE_VAL;
  x.set(values);
  auto& result = given(DType::kF64, 1, 1, {0});
  sum_of_squares(backend(), {.x = x, .result = result});
  EXPECT_EQ(result.get()[0], HUGE_VAL);
  values[17] = NAN;
  x.set(values);
  sum_of_squares(backend(), {.x = x, .result = result});
  EXPECT_TRUE(std::isnan(result.get()[0]));
}

}  // namespace
}  // namespace encore::test
