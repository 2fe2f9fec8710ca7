#include "kernels/ops/dropout.h"

#include "tests/support/op_test.h"
#include "tests/support/random_shapes.h"

namespace encore::test {
namespace {

class DropoutTest : public OpTest, public ::testing::WithParamInterface<DType> {};

TEST_P(DropoutTest, EveryBitIsPhilox) {
  const DType dtype = GetParam();
  for (const float p : {0.1f, 0.5f, 0.9f, 1e-6f})
    for (const int64_t cols : {1, 7, 8, 9, 31, 63, 64, 65, 127, 129, 768, 3072})
      for (const int64_t rows : {1, 17}) {
        auto &x = make(dtype, rows, cols, 3), &y = blank(dtype, rows, cols, 3);
        x.fill(1);
        const KeyedDropout drop = dropout(p, rows, cols);
        dropout_apply(backend(), {.x = x, .y = y, .dropout = drop.args});
        Values expected = drop.factor;
        for (double& f : expected) f = rounded(f, dtype);
        expect_same("y", y.get(), expected);
        dropout_apply(backend(), {.x = x, .y = x, .dropout = drop.args});
        expect_same("in place", x.get(), expected);
      }
}

TEST_P(DropoutTest, ScalesWhatItKeeps) {
  const DType dtype = GetParam();
  const int64_t rows = 40, cols = 200;
  auto &x = normal(dtype, rows, cols), &y = blank(dtype, rows, cols);
  const KeyedDropout drop = dropout(0.3f, rows, cols);
  dropout_apply(backend(), {.x = x, .y = y, .dropout = drop.args});
  expect_close("y", y.get(), reference::product<double>(x.get(), drop.factor),
               reference::product<float>(x.get(), drop.factor), dtype);
  int64_t dropped = 0;
  for (double f : drop.factor) dropped += f == 0;
  EXPECT_NEAR(double(dropped) / double(rows * cols), 0.3, 0.02);
}

TEST_P(DropoutTest, OffIsACopy) {
  const DType dtype = GetParam();
  auto &x = normal(dtype, 9, 50, 1, 0, 2), &y = blank(dtype, 9, 50, 5);
  dropout_apply(backend(), {.x = x, .y = y});
  expect_same("y", y.get(), x.get());
  auto &empty = make(dtype, 0, 50), &out = make(dtype, 0, 50);
  dropout_apply(backend(), {.x = empty, .y = out, .dropout = dropout(0.1f, 0, 50).args});
}

// The mask follows the token's sequence and position, wherever its row lies in the batch.
TEST_P(DropoutTest, RowsDoNotSeeTheBatch) {
  const DType dtype = GetParam();
  const int64_t rows = 30, cols = 100;
  auto &x = make(dtype, rows, cols), &y = blank(dtype, rows, cols), &z = blank(dtype, rows, cols);
  x.fill(1);
  const KeyedDropout drop = dropout(0.4f, rows, cols);
  dropout_apply(backend(), {.x = x, .y = y, .dropout = drop.args});
  RowDropout one = drop.args;
  one.rows.sequence = one.rows.sequence.col_range(21, 1);
  one.rows.position = one.rows.position.col_range(21, 1);
  dropout_apply(backend(), {.x = x->row_range(3, 1), .y = z->row_range(3, 1), .dropout = one});
  const Values all = y.get(), alone = z.get();
  for (size_t c = 0; c < size_t(cols); ++c) EXPECT_EQ(alone[3 * size_t(cols) + c], all[21 * size_t(cols) + c]);
}

INSTANTIATE_TEST_SUITE_P(Floats, DropoutTest, ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

struct Case {
  int64_t rows, cols, gap;
  DType dtype;
  float p;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << name_of(c.dtype) << " [" << c.rows << ", " << c.cols << "] gap " << c.gap << " p " << c.p;
}
class DropoutShapes : public OpTest, public ::testing::WithParamInterface<Case> {};

TEST_P(DropoutShapes, FollowsTheReference) {
  const auto [rows, cols, gap, dtype, p] = GetParam();
  auto &x = normal(dtype, rows, cols, 1, 0, gap), &y = blank(dtype, rows, cols, gap);
  const KeyedDropout drop = dropout(p, rows, cols);
  dropout_apply(backend(), {.x = x, .y = y, .dropout = drop.args});
  expect_close("y", y.get(), reference::product<double>(x.get(), drop.factor),
               reference::product<float>(x.get(), drop.factor), dtype);
}
INSTANTIATE_TEST_SUITE_P(
    Random, DropoutShapes, ::testing::ValuesIn(RandomShapes::cases(9, [](RandomShapes& r) {
      return Case{r.rows(), r.columns(900), r.gap(), r.dtype(), r.one_of<float>({0, 0.1f, 0.25f, 0.5f})};
    })));

class DropoutFacts : public OpTest {};

TEST_F(DropoutFacts, WidestRow) {
  const int64_t cols = 32768;
  auto &x = make(DType::kF32, 1, cols), &y = blank(DType::kF32, 1, cols);
  x.fill(1);
  const KeyedDropout drop = dropout(0.1f, 1, cols);
  dropout_apply(backend(), {.x = x, .y = y, .dropout = drop.args});
  Values expected = drop.factor;
  for (double& f : expected) f = rounded(f, DType::kF32);
  expect_same("y", y.get(), expected);
}

}  // namespace
}  // namespace encore::test
