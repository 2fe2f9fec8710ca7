// The cost of one call of every kind of op, counted by hand. Whole steps: tests/model/cost_test.cpp.
#include "kernels/ops/cost.h"

#include "kernels/backend.h"
#include "tests/support/op_test.h"

namespace encore::test {
namespace {

using CostTest = OpTest;

Tensor shaped(DType dtype, int64_t rows, int64_t cols) {
  static char somewhere;  // any address will do: costs read shapes, not values
  return {&somewhere, dtype, rows, cols};
}
Tensor f32(int64_t rows, int64_t cols) {
  return shaped(DType::kF32, rows, cols);
}
Tensor half(int64_t rows, int64_t cols) {
  return shaped(DType::kBF16, rows, cols);
}

TEST_F(CostTest, ProductsCountTwoForEveryMultiplication) {
  const OpCost y = cost_of(LinearForward{.x = half(5, 7), .w = half(11, 7), .bias = f32(1, 11), .y = half(5, 11)});
  EXPECT_EQ(y.flops, 2 * 5 * 7 * 11);
  EXPECT_EQ(y.bytes, 2 * (5 * 7 + 11 * 7 + 5 * 11) + 4 * 11);
  EXPECT_EQ(y.rows, 5);
  EXPECT_EQ(y.cols, 11);
  EXPECT_EQ(y.inner, 7);

  LinearBackwardInput dx{.dy = half(5, 11), .w = half(11, 7), .dx = half(5, 7)};
  EXPECT_EQ(cost_of(dx).flops, 2 * 5 * 7 * 11);
  const double once = cost_of(dx).bytes;
  dx.accumulate = true;
  EXPECT_EQ(cost_of(dx).bytes, once + 2 * 5 * 7) << "what is added to is read as well";

  const OpCost dw = cost_of(LinearBackwardWeight{.dy = half(5, 11), .x = half(5, 7), .dw = f32(11, 7)});
  EXPECT_EQ(dw.flops, 2 * 5 * 7 * 11);
  EXPECT_EQ(dw.inner, 5);
  EXPECT_EQ(dw.bytes, 2 * (5 * 11 + 5 * 7) + 2 * 4 * 11 * 7);
}

TEST_F(CostTest, AttentionCountsThePairsOfEachSequence) {
  const Tensor starts = given(DType::kI32, 1, 4, {0, 3, 3, 8}), read = given(DType::kI32, 1, 4, {0, 1, 1, 3});
  AttentionForward a{.q = f32(8, 64), .k = f32(8, 64), .v = f32(8, 64), .out = f32(8, 64), .lse = f32(2, 8)};
  a.shape = {.heads = 2, .head_size = 32, .scale = 1, .cu_seqlens = starts};
  const OpCost all = cost_of(a, backend());
  EXPECT_EQ(all.flops, 4 * 64 * (3 * 3 + 5 * 5));
  EXPECT_EQ(all.inner, 5);
  EXPECT_EQ(all.bytes, 4 * (4 * 8 * 64 + 2 * 8));
  a.shape.cu_seqlens_q = read;
  EXPECT_EQ(cost_of(a, backend()).flops, 4 * 64 * (1 * 3 + 2 * 5)) << "a subset of the queries";
  AttentionBackward b{.dq = f32(3, 64), .shape = a.shape};
  EXPECT_EQ(cost_of(b, backend()).flops, 10 * 64 * (1 * 3 + 2 * 5));
}

TEST_F(CostTest, TheRestCountsEveryTensorOnceAndAbsentOnesNot) {
  EXPECT_EQ(cost_of(AdamW{.w = f32(1, 10), .m = f32(1, 10), .v = f32(1, 10), .gradient = f32(1, 10)}).bytes, 28 * 10);
  EXPECT_EQ(
      cost_of(AdamW{.w = f32(1, 10), .m = f32(1, 10), .v = f32(1, 10), .gradient = f32(1, 10), .shadow = half(1, 10)})
          .bytes,
      30 * 10);
  EXPECT_EQ(cost_of(GeluForward{.x = half(3, 8), .y = half(3, 8)}).bytes, 2 * 2 * 24);
  EXPECT_EQ(cost_of(GeluBackward{.dy = half(3, 8), .x = half(3, 8), .dx = half(3, 8)}).bytes, 3 * 2 * 24);
  EXPECT_EQ(cost_of(SumOfSquares{.x = f32(1, 100)}).bytes, 400);
  EXPECT_EQ(cost_of(GatherRows{.x = f32(9, 4), .rows = shaped(DType::kI32, 1, 2), .y = f32(2, 4)}).bytes, 2 * 32 + 8);
  CrossEntropy loss{.logits = half(3, 64), .labels = shaped(DType::kI32, 1, 3), .row_loss = f32(1, 3)};
  EXPECT_EQ(cost_of(loss).bytes, 2 * 2 * 192 + 12 + 12);
  loss.loss_only = true;
  EXPECT_EQ(cost_of(loss).bytes, 2 * 192 + 12 + 12);
  EXPECT_EQ(cost_of(loss).flops, 0);
}

Tensor i32(int64_t n) {
  return shaped(DType::kI32, 1, n);
}

TEST_F(CostTest, BagsCountARowForEachEntry) {
  EXPECT_EQ(cost_of(ReluForward{.x = half(3, 8), .y = half(3, 8)}).bytes, 2 * 2 * 24);
  EXPECT_EQ(cost_of(ReluBackward{.dy = half(3, 8), .y = half(3, 8), .dx = half(3, 8)}).bytes, 3 * 2 * 24);
  // 2 documents of 5 entries, 9 words, 8 columns.
  const Bags bags{.row_start = i32(3), .column = i32(5), .value = f32(1, 5)};
  const BagsByWord by_word{.word_start = i32(10), .document = i32(5), .value = f32(1, 5)};
  EXPECT_EQ(cost_of(BagLinearForward{.bags = bags, .w = f32(9, 8), .bias = f32(1, 8), .y = f32(2, 8)}).bytes,
            4 * (5 * 8 + 3 + 5 + 5 + 8 + 16));
  EXPECT_EQ(cost_of(BagLinearBackward{.bags = by_word, .dy = f32(2, 8), .dw = f32(9, 8)}).bytes,
            4 * (5 * 8 + 2 * 5 * 8 + 10 + 5 + 5));
  LogisticNormalForward latent{
      .mean = f32(2, 8), .log_variance = f32(2, 8), .theta = f32(2, 8), .negative_kld = f32(1, 2)};
  latent.draws.document_keys = shaped(DType::kU64, 1, 2);
  EXPECT_EQ(cost_of(latent).bytes, 4 * (3 * 16 + 2) + 2 * 8);
  EXPECT_EQ(cost_of(LogisticNormalBackward{
                        .forward = latent, .dtheta = f32(2, 8), .dmean = f32(2, 8), .dlog_variance = f32(2, 8)})
                .bytes,
            4 * 6 * 16 + 2 * 8);
  BagLikelihood likelihood{.reconstruction = f32(9, 2),
                           .background = f32(1, 9),
                           .bias = f32(1, 9),
                           .running_mean = f32(1, 9),
                           .running_variance = f32(1, 9),
                           .bags = bags,
                           .by_word = by_word,
                           .log_likelihood = f32(1, 2),
                           .dbias = f32(1, 9)};
  EXPECT_EQ(cost_of(likelihood).bytes, 4 * (18 + 2 + 4 * 9 + 3 + 5 + 5));
  likelihood.training = true;
  EXPECT_EQ(cost_of(likelihood).bytes, 4 * (3 * 18 + 2 + 6 * 9 + 2 * 9 + 3 + 5 + 5 + 10 + 5 + 5));
}

}  // namespace
}  // namespace encore::test
