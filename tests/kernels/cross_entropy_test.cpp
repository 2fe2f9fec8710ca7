#include "kernels/ops/cross_entropy.h"

#include "tests/support/op_test.h"
#include "tests/support/random_shapes.h"

namespace encore::test {
namespace {

struct Case {
  int64_t rows, classes;
  int64_t padding = 0;
  DType dtype = DType::kF32;
  bool bias = true, dbias = true;
  double deviation = 2, mean = 0;
  double ignored = 0.2;  // share of rows without a label
  int64_t gap = 3;       // elements between two rows
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << name_of(c.dtype) << " [" << c.rows << ", " << c.classes << "+" << c.padding << "]"
             << (c.bias ? " bias" : "") << (c.dbias ? " dbias" : "") << " deviation " << c.deviation << " mean "
             << c.mean << " ignored " << c.ignored << " gap " << c.gap;
}

class CrossEntropyTest : public OpTest, public ::testing::WithParamInterface<Case> {
 protected:
  Values some_labels(int64_t rows, int64_t classes, double ignored) {
    Values labels;
    std::uniform_real_distribution<double> uniform;
    for (int64_t r = 0; r < rows; ++r)
      labels.push_back(uniform(random_) < ignored ? -100 : std::floor(uniform(random_) * double(classes)));
    return labels;
  }
};

TEST_P(CrossEntropyTest, LossAndGradient) {
  const Case& p = GetParam();
  const int64_t rows = p.rows, classes = p.classes, padded = classes + p.padding;
  auto& logits = normal(p.dtype, rows, padded, p.deviation, p.mean, p.gap);
  Values u = logits.get();
  for (int64_t r = 0; r < rows; ++r)  // the contents of padded columns must not matter
    for (int64_t c = classes; c < padded; ++c) u[size_t(r * padded + c)] = c % 2 ? NAN : 1e30;
  logits.set(u);
  u = logits.get();
  auto &bias = normal(DType::kF32, 1, classes), &dbias = normal(DType::kF32, 1, classes);
  auto& labels = given(DType::kI32, 1, rows, some_labels(rows, classes, p.ignored));
  auto &grad_scale = given(DType::kF32, 1, 1, {1 / 7.0}), &row_loss = blank(DType::kF32, 1, rows);
  auto &loss_sum = given(DType::kF64, 1, 1, {10}), &correct = given(DType::kI64, 1, 1, {3});
  const Values dbias0 = dbias.get();
  CrossEntropy a{.logits = logits,
                 .classes = classes,
                 .labels = labels,
                 .grad_scale = grad_scale,
                 .row_loss = row_loss,
                 .loss_sum = loss_sum,
                 .correct = correct};
  if (p.bias) a.bias = bias;

  const Values b = p.bias ? bias.get() : Values(), y = labels.get();
  const double scale = grad_scale.get()[0];
  const auto exact = reference::cross_entropy<double>(u, b, y, scale, rows, classes, padded);
  const auto plain = reference::cross_entropy<float>(u, b, y, scale, rows, classes, padded);

  a.loss_only = true;
  cross_entropy(backend(), a);
  expect_same("logits of an evaluation", logits.get(), u);
  const Values loss_alone = row_loss.get();
  EXPECT_NEAR(loss_sum.get()[0], 10 + exact.loss_sum, 1e-6 * (1 + exact.loss_sum));

  loss_sum.set({10});
  correct.set({3});
  a.loss_only = false;
  if (p.dbias) a.dbias = dbias;
  cross_entropy(backend(), a);
  expect_same("loss", row_loss.get(), loss_alone);
  expect_close("loss", row_loss.get(), exact.row_loss, plain.row_loss, DType::kF32, 1e-6);
  expect_close("gradient", logits.get(), exact.gradient, plain.gradient, p.dtype, 1e-6);
  double in_order = 10;
  for (double loss : row_loss.get()) in_order += loss;
  EXPECT_EQ(loss_sum.get()[0], in_order);
  EXPECT_EQ(correct.get()[0], double(3 + plain.correct));
  if (!p.dbias) return;
  Values exact_sums = reference::column_sums<double>(exact.gradient, rows, padded),
         plain_sums = reference::column_sums<float>(plain.gradient, rows, padded);
  exact_sums.resize(size_t(classes));
  plain_sums.resize(size_t(classes));
  expect_close("dbias", dbias.get(), sum_of(exact_sums, dbias0), sum_of(plain_sums, dbias0), DType::kF32, 1e-6);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    for (const int64_t classes : {1, 2, 7, 15, 16, 17, 67, 2047, 2048, 2049, 4099})
      all.push_back({5, classes, 5, dtype});
    all.push_back({0, 100, 28, dtype});
    all.push_back({7, 50265, 7, dtype});
    all.push_back({9, 50265, 39, dtype, true, true, 2, 0, 0.2, 0});
    all.push_back({3, 5001, 55, dtype, false, true, 2, 0, 0.2, 8});
    all.push_back({3, 50265, 0, dtype, false, false});
    all.push_back({2, 30001, 7, dtype});  // two, four and eight blocks hold a row between them
    all.push_back({2, 53249, 63, dtype});
    all.push_back({1, 204801, 7, dtype});  // wider than what they hold
    all.push_back({1, 60001, 7, dtype, true, false});
    all.push_back({200, 300, 20, dtype});
    all.push_back({2200, 19, 0, dtype});
    all.push_back({1100, 4105, 7, dtype, true, true, 2, 0, 0.2, 0});  // more rows a block than it holds at a time
    all.push_back({40, 100, 0, dtype, true, true, 2, 0, 1.0});        // no label at all
    all.push_back({5, 3000, 0, dtype, false, true, 1, 500});          // a large common offset
    all.push_back({9, 5000, 0, dtype, false, true, 60});              // whole pieces far below the largest logit
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, CrossEntropyTest, ::testing::ValuesIn(cases()));
INSTANTIATE_TEST_SUITE_P(Random, CrossEntropyTest, ::testing::ValuesIn(RandomShapes::cases(4, [](RandomShapes& r) {
                           // Now and then a row that takes more than one block's smallest variant.
                           const int64_t classes = r.between(0, 5) ? r.columns(2000) : r.between(4097, 9000);
                           const int64_t padding = r.coin() ? (classes + 63) / 64 * 64 - classes : r.between(0, 70);
                           return Case{r.rows(), classes, padding, r.dtype(), r.coin(), r.coin(), 2, 0, 0.2, r.gap()};
                         })));

// Shapes for clusters of one, four and eight blocks, which hold six, six, three and two rows at a time, and one of rows
// without a label only. Every mode of the executor runs them.
INSTANTIATE_TEST_SUITE_P(RandomClusters, CrossEntropyTest,
                         ::testing::Values(Case{9, 5001, 55, DType::kBF16, true, true, 2, 0, 0.2, 0},
                                           Case{9, 50265, 39, DType::kBF16, true, true, 2, 0, 0.2, 0},
                                           Case{4, 180001, 7, DType::kBF16, false, true, 2, 0, 0, 0},
                                           Case{4, 204793, 7, DType::kBF16, true, true, 2, 0, 0, 0},
                                           Case{1100, 4105, 7, DType::kBF16, false, true, 2, 0, 1.0, 0}));

class CrossEntropyFacts : public OpTest {
 protected:
  struct Outcome {
    Values gradient, row_loss;
    double loss, correct;
  };
  Outcome run(const Values& u, int64_t rows, int64_t classes, const Values& labels, Backend* other = nullptr,
              DType dtype = DType::kF32) {
    auto& logits = given(dtype, rows, int64_t(u.size()) / std::max<int64_t>(1, rows), u);
    auto &row_loss = blank(DType::kF32, 1, rows), &loss_sum = given(DType::kF64, 1, 1, {0}),
         &correct = given(DType::kI64, 1, 1, {0});
    Backend& on = other ? *other : backend();
    cross_entropy(on, {.logits = logits,
                       .classes = classes,
                       .labels = given(DType::kI32, 1, rows, labels),
                       .grad_scale = given(DType::kF32, 1, 1, {1}),
                       .row_loss = row_loss,
                       .loss_sum = loss_sum,
                       .correct = correct});
    on.synchronize();
    return {logits.get(), row_loss.get(), loss_sum.get()[0], correct.get()[0]};
  }
};

TEST_F(CrossEntropyFacts, ReferenceGradientIsAFiniteDifference) {
  const Values u = normal(DType::kF32, 3, 6, 2).get(), labels{2, -100, 5};
  const auto exact = reference::cross_entropy<double>(u, {}, labels, 1, 3, 6, 6);
  EXPECT_GT(largest(exact.gradient), 0.1);
  const Values numeric = finite_differences(
      u, [&](const Values& v) { return reference::cross_entropy<double>(v, {}, labels, 1, 3, 6, 6).loss_sum; });
  EXPECT_LT(worst_difference(numeric, exact.gradient), 1e-8);
}

// Among equal largest logits the first is the prediction, as with argmax.
TEST_F(CrossEntropyFacts, TiesCountForTheFirst) {
  EXPECT_EQ(run({1, 5, 5, 0, 1, 5, 5, 0, 0, 0, 0, 0}, 3, 4, {1, 2, 0}).correct, 2);
}

// A row of a whole vocabulary may be split over several blocks: equal logits in the label's block, before and after it.
TEST_F(CrossEntropyFacts, TiesOfLongRows) {
  constexpr int64_t kClasses = 50265, kColumns = 50304, kBoundary = kColumns / 4;
  struct Row {
    int64_t label;
    std::vector<int64_t> equal;  // columns whose logit is the label's; the others are smaller
    int correct;
  };
  const std::vector<Row> rows{{40000, {}, 1},
                              {40000, {39999}, 0},
                              {40000, {3}, 0},
                              {40000, {38000}, 0},
                              {12570, {5}, 0},
                              {5, {12570}, 1},
                              {40000, {40001, 50264}, 1},
                              {100, {50000}, 1},
                              {100, {99}, 0},
                              {kBoundary, {kBoundary - 1}, 0},
                              {kBoundary - 1, {kBoundary}, 1},
                              {50264, {50265, 50303}, 1}};  // padding
  const auto count = int64_t(rows.size());
  Values u(size_t(count * kColumns), 0);
  for (size_t r = 0; r < rows.size(); ++r) {
    u[r * kColumns + size_t(rows[r].label)] = 5;
    for (const int64_t c : rows[r].equal) u[r * kColumns + size_t(c)] = 5;
  }
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    Values up_to(rows.size(), -1);
    int correct = 0;
    for (size_t r = 0; r < rows.size(); ++r) {
      Values alone(rows.size(), -1);
      alone[r] = up_to[r] = double(rows[r].label);
      correct += rows[r].correct;
      EXPECT_EQ(run(u, count, kClasses, alone, nullptr, dtype).correct, rows[r].correct) << "row " << r;
      EXPECT_EQ(run(u, count, kClasses, up_to, nullptr, dtype).correct, correct) << "rows to " << r;
    }
  }
}

TEST_F(CrossEntropyFacts, InfinitiesAndNanOfLongRows) {
  constexpr int64_t kClasses = 50265, kColumns = 50304;
  const double inf = HUGE_VAL;
  Values u(3 * kColumns, -inf);
  u[7] = -200;  // row 0: nothing finite in the later blocks
  u[kColumns + 50264] = 1, u[kColumns] = 0;
  for (size_t c = 2 * kColumns; c < 3 * kColumns; ++c) u[c] = 0.125;
  u[2 * kColumns + 50000] = NAN;
  const Outcome got = run(u, 3, kClasses, {7, 0, 3}, nullptr, DType::kBF16);
  EXPECT_EQ(got.row_loss[0], 0);
  EXPECT_NEAR(got.row_loss[1], std::log(1 + std::exp(1.0)), 1e-6);
  EXPECT_NEAR(got.gradient[kColumns], 1 / (1 + std::exp(1.0)) - 1, 1e-2);
  EXPECT_EQ(got.gradient[kColumns + 1], 0);
  EXPECT_TRUE(std::isnan(got.row_loss[2]));
  for (size_t c = 0; c < kClasses; ++c) ASSERT_TRUE(std::isnan(got.gradient[2 * kColumns + c])) << c;
}

TEST_F(CrossEntropyFacts, InfinitiesAndNan) {
  const double inf = HUGE_VAL;
  Values u(3 * 5000, -inf);
  u[7] = -200;  // row 0: one finite logit in the first piece, none in the others
  u[5000 + 4999] = 1, u[5000] = 0;
  for (size_t c = 10000; c < 15000; ++c) u[c] = 0.1;
  u[12345] = NAN;
  const Outcome got = run(u, 3, 5000, {7, 0, 3});
  EXPECT_EQ(got.row_loss[0], 0);
  EXPECT_NEAR(got.row_loss[1], std::log(1 + std::exp(1.0)), 1e-6);
  EXPECT_NEAR(got.gradient[5000], 1 / (1 + std::exp(1.0)) - 1, 1e-6);
  EXPECT_EQ(got.gradient[5001], 0);
  EXPECT_TRUE(std::isnan(got.row_loss[2]));
  for (size_t c = 10000; c < 15000; ++c) ASSERT_TRUE(std::isnan(got.gradient[c]));
}

TEST_F(CrossEntropyFacts, SureOfTheLabel) {
  Values u(300, 0);
  u[33] = 80;
  const Outcome got = run(u, 1, 300, {33});
  EXPECT_EQ(got.row_loss[0], 0);
  EXPECT_EQ(got.correct, 1);
  EXPECT_EQ(got.gradient[33], 0);
}

TEST_F(CrossEntropyFacts, RowsDoNotSeeTheBatchNorTheThreads) {
  const int64_t rows = 70, classes = 2100;
  const Values u = normal(DType::kF32, rows, classes).get();
  const Values labels(size_t(rows), 5);
  const Outcome all = run(u, rows, classes, labels);
  const auto single = make_test_backend(1);
  const Outcome one_thread = run(u, rows, classes, labels, single.get());
  expect_same("gradient on one thread", one_thread.gradient, all.gradient);
  EXPECT_EQ(one_thread.loss, all.loss);
  const Outcome alone = run(Values(u.end() - classes, u.end()), 1, classes, {5});
  expect_same("gradient of a row alone", alone.gradient, Values(all.gradient.end() - classes, all.gradient.end()));
}

// A call does not depend on the rows of an earlier call.
TEST_F(CrossEntropyFacts, IgnoredRowsCountAsNothing) {
  const Values u(40 * 3, 1);
  EXPECT_EQ(run(u, 40, 3, Values(40, 0)).correct, 40);
  const Outcome got = run(u, 40, 3, Values(40, -1));
  EXPECT_EQ(got.correct, 0);
  EXPECT_EQ(got.loss, 0);
  expect_same("gradient", got.gradient, Values(120, 0));
}

TEST_F(CrossEntropyFacts, RefusesALabelThatIsNoClass) {
  EXPECT_NE(refusal([&] { run(Values(20, 0), 2, 10, {3, 10}); }).find("label 10 of row 1"), std::string::npos);
}

}  // namespace
}  // namespace encore::test
