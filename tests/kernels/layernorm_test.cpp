#include "kernels/ops/layernorm.h"

#include "tests/support/op_test.h"
#include "tests/support/random_shapes.h"

namespace encore::test {
namespace {

struct Case {
  int64_t rows, cols;
  DType dtype = DType::kF32;
  float p = 0;
  bool bias = true, residual = true;
  int64_t gap = 0;
  double mean = 0;  // common offset of x
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << name_of(c.dtype) << " [" << c.rows << ", " << c.cols << "] p " << c.p << (c.bias ? " bias" : "")
             << (c.residual ? " residual" : "") << " gap " << c.gap << " mean " << c.mean;
}

class LayerNormTest : public OpTest, public ::testing::WithParamInterface<Case> {};

TEST_P(LayerNormTest, Forward) {
  const auto [rows, cols, dtype, p, with_bias, with_residual, gap, mean] = GetParam();
  auto& x = normal(dtype, rows, cols, 1, mean, gap);
  auto& residual = normal(dtype, rows, cols, 2, 0.5, gap);
  auto &bias = normal(DType::kF32, 1, cols), &gamma = normal(DType::kF32, 1, cols, 0.5, 1),
       &beta = normal(DType::kF32, 1, cols);
  auto &sum = blank(dtype, rows, cols, gap), &y = blank(dtype, rows, cols, gap);
  auto &means = blank(DType::kF32, 1, rows), &rstd = blank(DType::kF32, 1, rows);
  const KeyedDropout drop = dropout(p, rows, cols);
  LayerNormForward a{.x = x, .gamma = gamma, .beta = beta, .sum = sum, .y = y, .mean = means, .rstd = rstd};
  a.dropout = drop.args;
  if (with_bias) a.bias = bias;
  if (with_residual) a.residual = residual;
  layernorm_forward(backend(), a);

  const Values none;
  const auto run = [&]<class Real>(Real) {
    return reference::layernorm_forward<Real>(x.get(), with_bias ? bias.get() : none,
                                              with_residual ? residual.get() : none, drop.factor, gamma.get(),
                                              beta.get(), rows, cols, 1e-5);
  };
  const auto exact = run(double()), plain = run(float());
  expect_close("sum", sum.get(), exact.sum, plain.sum, dtype);
  expect_close("y", y.get(), exact.y, plain.y, dtype);
  expect_close("mean", means.get(), exact.mean, plain.mean, DType::kF32);
  expect_close("rstd", rstd.get(), exact.rstd, plain.rstd, DType::kF32);

  // In place: sum is x.
  const Values y_before = y.get(), sum_before = sum.get();
  a.sum = x;
  layernorm_forward(backend(), a);
  expect_same("y with the sum in place", y.get(), y_before);
  expect_same("sum in place", x.get(), sum_before);
}

TEST_P(LayerNormTest, Backward) {
  const auto [rows, cols, dtype, p, with_bias, with_residual, gap, mean] = GetParam();
  auto &dy = normal(dtype, rows, cols, 1, 0.3, gap), &sum = normal(dtype, rows, cols, 2, mean, gap);
  auto& gamma = normal(DType::kF32, 1, cols, 0.5, 1);
  const Values none, ones(size_t(rows * cols), 1), per_column(size_t(cols), 1);
  const auto statistics =
      reference::layernorm_forward<double>(sum.get(), none, none, ones, per_column, per_column, rows, cols, 1e-5);
  auto &means = given(DType::kF32, 1, rows, statistics.mean), &rstd = given(DType::kF32, 1, rows, statistics.rstd);
  auto &dsum = blank(dtype, rows, cols, gap), &dx = blank(dtype, rows, cols, gap);
  auto &dgamma = normal(DType::kF32, 1, cols), &dbeta = normal(DType::kF32, 1, cols),
       &dbias = normal(DType::kF32, 1, cols);
  const Values dgamma0 = dgamma.get(), dbeta0 = dbeta.get(), dbias0 = dbias.get();
  LayerNormBackward a{.dy = dy,
                      .sum = sum,
                      .gamma = gamma,
                      .mean = means,
                      .rstd = rstd,
                      .dsum = dsum,
                      .dx = dx,
                      .dgamma = dgamma,
                      .dbeta = dbeta};
  const KeyedDropout drop = dropout(p, rows, cols);
  a.dropout = drop.args;
  if (with_bias) a.dbias = dbias;
  layernorm_backward(backend(), a);

  const auto exact = reference::layernorm_backward<double>(dy.get(), sum.get(), gamma.get(), statistics.mean,
                                                           statistics.rstd, rows, cols);
  const auto plain =
      reference::layernorm_backward<float>(dy.get(), sum.get(), gamma.get(), means.get(), rstd.get(), rows, cols);
  const Values exact_dx = reference::product<double>(exact.dsum, drop.factor),
               plain_dx = reference::product<float>(plain.dsum, drop.factor);
  // With one column the terms cancel, and the remainder depends on the use of fused multiply-adds.
  const double terms = cols == 1 ? largest(rstd.get()) * largest(dy.get()) * largest(gamma.get()) : 0;
  expect_close("dsum", dsum.get(), exact.dsum, plain.dsum, dtype, 1e-6, terms);
  expect_close("dx", dx.get(), exact_dx, plain_dx, dtype, 1e-6, terms);
  expect_close("dgamma", dgamma.get(), sum_of(exact.dgamma, dgamma0), sum_of(plain.dgamma, dgamma0), DType::kF32);
  expect_close("dbeta", dbeta.get(), sum_of(exact.dbeta, dbeta0), sum_of(plain.dbeta, dbeta0), DType::kF32);
  const Values exact_dbias = reference::column_sums<double>(exact_dx, rows, cols),
               plain_dbias = reference::column_sums<float>(plain_dx, rows, cols);
  if (with_bias)
    expect_close("dbias", dbias.get(), sum_of(exact_dbias, dbias0), sum_of(plain_dbias, dbias0), DType::kF32, 1e-6,
                 terms);
  else
    expect_same("dbias that was not asked for", dbias.get(), dbias0);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    for (const int64_t cols : {1, 7, 15, 16, 17, 31, 33, 67, 768, 1024, 3072}) all.push_back({5, cols, dtype, 0.1f});
    all.push_back({0, 768, dtype, 0.1f});
    all.push_back({1, 768, dtype, 0});
    all.push_back({131, 768, dtype, 0.1f, true, true, 3});
    all.push_back({67, 96, dtype, 0, false, true});
    all.push_back({67, 96, dtype, 0.5f, false, false});
    all.push_back({67, 96, dtype, 0, true, false, 5});
    // More rows than 64 blocks of 32 rows or 264 of 16 hold, so that a block has 17 rows, which is no multiple of four.
    all.push_back({4300, 40, dtype, 0.25f});
    all.push_back({3, 768, dtype, 0, false, false, 0, 1000});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, LayerNormTest, ::testing::ValuesIn(cases()));
INSTANTIATE_TEST_SUITE_P(
    Random, LayerNormTest, ::testing::ValuesIn(RandomShapes::cases(1, [](RandomShapes& r) {
      return Case{r.rows(), r.columns(1200), r.dtype(), r.one_of<float>({0, 0.1f, 0.5f}), r.coin(), r.coin(), r.gap()};
    })));

class LayerNormFacts : public OpTest {};

// The backward formula, with random gamma and a random upstream gradient, against central differences of the forward
// one.
TEST_F(LayerNormFacts, ReferenceGradientsAreFiniteDifferences) {
  const int64_t rows = 3, cols = 5;
  auto &x = normal(DType::kF32, rows, cols), &gamma = normal(DType::kF32, 1, cols),
       &beta = normal(DType::kF32, 1, cols), &dy = normal(DType::kF32, rows, cols);
  const Values none, ones(size_t(rows * cols), 1);
  const auto forward = [&](const Values& u, const Values& g, const Values& b) {
    return reference::layernorm_forward<double>(u, none, none, ones, g, b, rows, cols, 1e-5);
  };
  const Values xs = x.get(), gs = gamma.get(), bs = beta.get(), up = dy.get();
  const auto at = forward(xs, gs, bs);
  const auto exact = reference::layernorm_backward<double>(up, xs, gs, at.mean, at.rstd, rows, cols);
  EXPECT_GT(largest(exact.dsum), 0.1);
  const auto loss = [&](const Values& u, const Values& g, const Values& b) { return dot(forward(u, g, b).y, up); };
  const Values dx = finite_differences(xs, [&](const Values& v) { return loss(v, gs, bs); });
  const Values dgamma = finite_differences(gs, [&](const Values& v) { return loss(xs, v, bs); });
  const Values dbeta = finite_differences(bs, [&](const Values& v) { return loss(xs, gs, v); });
  EXPECT_LT(worst_difference(dx, exact.dsum), 1e-8);
  EXPECT_LT(worst_difference(dgamma, exact.dgamma), 1e-8);
  EXPECT_LT(worst_difference(dbeta, exact.dbeta), 1e-8);
}

TEST_F(LayerNormFacts, GainOfZeroStillGivesItsGradient) {
  auto &dy = normal(DType::kF32, 4, 24), &sum = normal(DType::kF32, 4, 24), &gamma = make(DType::kF32, 1, 24);
  gamma.fill(0);
  auto &means = given(DType::kF32, 1, 4, {0, 0, 0, 0}), &rstd = given(DType::kF32, 1, 4, {1, 1, 1, 1});
  auto &dsum = blank(DType::kF32, 4, 24), &dgamma = make(DType::kF32, 1, 24), &dbeta = make(DType::kF32, 1, 24);
  dgamma.fill(0);
  dbeta.fill(0);
  layernorm_backward(backend(), {.dy = dy,
                                 .sum = sum,
                                 .gamma = gamma,
                                 .mean = means,
                                 .rstd = rstd,
                                 .dsum = dsum,
                                 .dgamma = dgamma,
                                 .dbeta = dbeta});
  expect_same("dsum", dsum.get(), Values(4 * 24, 0));
  EXPECT_LT(worst_difference(dgamma.get(),
                             reference::column_sums<double>(reference::product<double>(dy.get(), sum.get()), 4, 24)),
            1e-5);
}

// A row gives the same bits alone as inside any batch; the number of threads changes nothing.
TEST_F(LayerNormFacts, RowsDoNotSeeTheBatch) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    const int64_t rows = 300, cols = 83;
    auto &x = normal(dtype, rows, cols), &gamma = normal(DType::kF32, 1, cols), &beta = normal(DType::kF32, 1, cols);
    auto &sum = blank(dtype, rows, cols), &y = blank(dtype, rows, cols), &mean = blank(DType::kF32, 1, rows),
         &rstd = blank(DType::kF32, 1, rows), &again = blank(dtype, rows, cols);
    LayerNormForward a{.x = x, .gamma = gamma, .beta = beta, .sum = sum, .y = y, .mean = mean, .rstd = rstd};
    layernorm_forward(backend(), a);
    for (const int64_t r : {int64_t(0), int64_t(1), rows - 1}) {
      LayerNormForward one = a;
      one.x = x->row_range(r, 1), one.sum = sum->row_range(r, 1), one.y = again->row_range(r, 1);
      one.mean = mean->col_range(r, 1), one.rstd = rstd->col_range(r, 1);
      layernorm_forward(backend(), one);
      for (int64_t c = 0; c < cols; ++c)
        EXPECT_EQ(again.get()[size_t(r * cols + c)], y.get()[size_t(r * cols + c)]) << r << " " << c;
    }
  }
}

TEST_F(LayerNormFacts, ThreadsChangeNoBit) {
  const int64_t rows = 700, cols = 64;
  auto &dy = normal(DType::kF32, rows, cols), &sum = normal(DType::kF32, rows, cols),
       &gamma = normal(DType::kF32, 1, cols), &mean = normal(DType::kF32, 1, rows),
       &rstd = normal(DType::kF32, 1, rows, 0.1, 1);
  Values first;
  for (const int threads : {1, 2, 3}) {
    const auto other = make_test_backend(threads);
    auto &dsum = blank(DType::kF32, rows, cols), &dgamma = make(DType::kF32, 1, cols),
         &dbeta = make(DType::kF32, 1, cols);
    dgamma.fill(1);
    dbeta.fill(1);
    layernorm_backward(*other, {.dy = dy,
                                .sum = sum,
                                .gamma = gamma,
                                .mean = mean,
                                .rstd = rstd,
                                .dsum = dsum,
                                .dgamma = dgamma,
                                .dbeta = dbeta});
    other->synchronize();
    if (threads == 1) first = dgamma.get();
    expect_same("dgamma", dgamma.get(), first);
  }
}

TEST_F(LayerNormFacts, NanStaysInItsRow) {
  auto& x = make(DType::kF32, 3, 20);
  Values values(60, 0.5);
  for (size_t i = 0; i < 60; ++i) values[i] += double(i % 7);
  values[25] = NAN;
  x.set(values);
  auto &gamma = normal(DType::kF32, 1, 20), &beta = normal(DType::kF32, 1, 20);
  auto &sum = blank(DType::kF32, 3, 20), &y = make(DType::kF32, 3, 20), &mean = make(DType::kF32, 1, 3),
       &rstd = make(DType::kF32, 1, 3);
  layernorm_forward(backend(), {.x = x, .gamma = gamma, .beta = beta, .sum = sum, .y = y, .mean = mean, .rstd = rstd});
  const Values got = y.get();
  for (size_t i = 0; i < 60; ++i) EXPECT_EQ(std::isnan(got[i]), i / 20 == 1) << i;
}

}  // namespace
}  // namespace encore::test
