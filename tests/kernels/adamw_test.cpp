#include "kernels/ops/adamw.h"

#include "tests/support/op_test.h"
#include "tests/support/random_shapes.h"

namespace encore::test {
namespace {

struct Case {
  int64_t n;
  double weight_decay = 0.01, grad_scale = 1;
  bool shadow = true;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.n << " decay " << c.weight_decay << " scale " << c.grad_scale << (c.shadow ? " shadow" : "");
}

class AdamWTest : public OpTest, public ::testing::WithParamInterface<Case> {};

// Five steps against the formula of torch.optim.AdamW. The moments start non-zero.
TEST_P(AdamWTest, FollowsTheReference) {
  const auto [n, weight_decay, grad_scale, with_shadow] = GetParam();
  auto &w = normal(DType::kF32, 1, n), &m = normal(DType::kF32, 1, n, 0.1), &v = normal(DType::kF32, 1, n, 1e-3, 1e-2),
       &shadow = blank(DType::kBF16, 1, n), &gradient = normal(DType::kF32, 1, n, 0.3);
  AdamW a{.w = w, .m = m, .v = v, .gradient = gradient, .weight_decay = float(weight_decay)};
  if (with_shadow) a.shadow = shadow;
  // The hyper-parameters as the op holds them: floats.
  const double beta1 = a.beta1, beta2 = a.beta2, eps = a.eps, decay = a.weight_decay, lr = double(1e-3f),
               scale = double(float(grad_scale));
  Values we = w.get(), me = m.get(), ve = v.get(), wp = we, mp = me, vp = ve;
  for (int t = 3; t < 8; ++t) {
    const double c1 = double(float(1 - std::pow(beta1, t))), c2 = double(float(1 - std::pow(beta2, t)));
    a.scalars = given(DType::kF32, 1, 4, {lr, scale, c1, c2});
    adamw(backend(), a);
    reference::adamw<double>(we, me, ve, gradient.get(), lr, scale, c1, c2, beta1, beta2, eps, decay);
    reference::adamw<float>(wp, mp, vp, gradient.get(), lr, scale, c1, c2, beta1, beta2, eps, decay);
    expect_close("w", w.get(), we, wp, DType::kF32);
    expect_close("m", m.get(), me, mp, DType::kF32);
    expect_close("v", v.get(), ve, vp, DType::kF32);
    gradient.fill_normal(random_, 0.3);
  }
  Values rounded_w = w.get();
  for (double& x : rounded_w) x = with_shadow ? rounded(x, DType::kBF16) : NAN;
  expect_same("shadow", shadow.get(), rounded_w);
}

INSTANTIATE_TEST_SUITE_P(Ranges, AdamWTest,
                         ::testing::Values(Case{1}, Case{7}, Case{15}, Case{16}, Case{17}, Case{67, 0},
                                           Case{1000, 0.1, 0.25}, Case{768, 0.01, 1, false}, Case{100003, 0.01, 0.5}));

INSTANTIATE_TEST_SUITE_P(
    Random, AdamWTest, ::testing::ValuesIn(RandomShapes::cases(6, [](RandomShapes& r) {
      return Case{r.columns(40000), r.one_of<double>({0, 0.01, 0.1}), r.one_of<double>({1, 0.3}), r.coin()};
    })));

class AdamWFacts : public OpTest {};

// Spared ranges get no decay, exactly to their ends; the other elements are as without spared ranges.
TEST_F(AdamWFacts, SparedRangesDoNotDecay) {
  const int64_t n = 5003;
  const std::vector<std::pair<int64_t, int64_t>> ranges{{0, 16}, {64, 80}, {2048, 4096}, {4992, n}};
  Values pairs;
  for (const auto& [begin, end] : ranges) pairs.insert(pairs.end(), {double(begin), double(end)});
  auto& scalars = given(DType::kF32, 1, 4, {1e-2, 1, 0.5, 0.5});
  auto &start = normal(DType::kF32, 1, n), &gradient = normal(DType::kF32, 1, n);
  const auto update = [&](float decay, const Tensor& spared) {
    auto &w = given(DType::kF32, 1, n, start.get()), &m = make(DType::kF32, 1, n), &v = make(DType::kF32, 1, n);
    m.fill(0.1), v.fill(0.2);
    adamw(backend(),
          {.w = w, .m = m, .v = v, .gradient = gradient, .scalars = scalars, .spared = spared, .weight_decay = decay});
    return w.get();
  };
  const Values with = update(0.5f, {}), without = update(0, {});
  const Values got = update(0.5f, given(DType::kI64, 1, int64_t(pairs.size()), pairs));
  for (int64_t i = 0; i < n; ++i) {
    const bool spared = std::any_of(ranges.begin(), ranges.end(), [&](auto r) { return i >= r.first && i < r.second; });
    ASSERT_EQ(got[size_t(i)], (spared ? without : with)[size_t(i)]) << i;
  }
}

TEST_F(AdamWFacts, NothingToDo) {
  auto &w = make(DType::kF32, 1, 0), &scalars = given(DType::kF32, 1, 4, {1, 1, 1, 1});
  adamw(backend(), {.w = w, .m = w, .v = w, .gradient = w, .scalars = scalars});
}

// With the sum of squares in backend memory, the update is that of a gradient scaled by the clipping factor.
TEST_F(AdamWFacts, ClipsByTheSumOfSquares) {
  const int64_t n = 1003;
  const Values start = normal(DType::kF32, 1, n).get(), g = normal(DType::kF32, 1, n, 0.3).get();
  double squares = 0;
  for (double x : g) squares += x * x;
  auto& gradient = given(DType::kF32, 1, n, g);
  const auto updated = [&](double scale, double max_norm, double sum) {
    auto &w = given(DType::kF32, 1, n, start), &m = make(DType::kF32, 1, n), &v = make(DType::kF32, 1, n);
    m.fill(0.01), v.fill(0.003);
    AdamW a{
        .w = w, .m = m, .v = v, .gradient = gradient, .scalars = given(DType::kF32, 1, 4, {1e-2, scale, 0.3, 0.01})};
    if (max_norm > 0) a.squares = given(DType::kF64, 1, 1, {sum}), a.max_norm = float(max_norm);
    adamw(backend(), a);
    return w.get();
  };
  const double norm = std::sqrt(squares);
  ASSERT_GT(norm, 1.0);
  expect_same("clipped to 1", updated(0.5, 1, squares), updated(double(float(0.5 / (norm + 1e-6))), 0, 0));
  expect_same("below the limit", updated(0.5, 2 * norm, squares), updated(0.5, 0, 0));
  EXPECT_GT(worst_difference(updated(0.5, 1, squares), updated(0.5, 0, 0)), 1e-4);
}

// A step whose loss or gradient is not finite leaves everything as it was.
TEST_F(AdamWFacts, NothingChangesWhereTheStepIsNotFinite) {
  const int64_t n = 77;
  const Values start = normal(DType::kF32, 1, n).get();
  auto& gradient = given(DType::kF32, 1, n, Values(size_t(n), NAN));
  for (const auto& [squares, loss] : {std::pair<double, double>{INFINITY, 1}, {NAN, 1}, {4, -INFINITY}, {4, NAN}}) {
    auto &w = given(DType::kF32, 1, n, start), &m = make(DType::kF32, 1, n), &v = make(DType::kF32, 1, n),
         &shadow = make(DType::kBF16, 1, n);
    m.fill(0.01), v.fill(0.003), shadow.fill(0.5);
    adamw(backend(), {.w = w,
                      .m = m,
                      .v = v,
                      .gradient = gradient,
                      .shadow = shadow,
                      .scalars = given(DType::kF32, 1, 4, {1e-2, 1, 0.3, 0.01}),
                      .squares = given(DType::kF64, 1, 1, {squares}),
                      .loss = given(DType::kF64, 1, 1, {loss}),
                      .max_norm = INFINITY,
                      .weight_decay = 0.01f});
    expect_same("w", w.get(), start);
    expect_same("m", m.get(), Values(size_t(n), double(0.01f)));
    expect_same("v", v.get(), Values(size_t(n), double(0.003f)));
    expect_same("shadow", shadow.get(), Values(size_t(n), 0.5));
  }
}

// The update of an element depends neither on its place nor on the threads; a NaN stays where it is.
TEST_F(AdamWFacts, ElementsAreAlone) {
  const int64_t n = 50001;
  auto &w = make(DType::kF32, 1, n), &m = make(DType::kF32, 1, n), &v = make(DType::kF32, 1, n),
       &gradient = make(DType::kF32, 1, n);
  w.fill(0.37);
  m.fill(0.02);
  v.fill(0.003);
  Values g(size_t(n), 0.11);
  g[777] = NAN;
  gradient.set(g);
  auto& scalars = given(DType::kF32, 1, 4, {1e-3, 0.7, 0.3, 0.01});
  adamw(backend(), {.w = w, .m = m, .v = v, .gradient = gradient, .scalars = scalars, .weight_decay = 0.01f});
  Values expected(size_t(n), w.get()[0]);
  expected[777] = NAN;
  expect_same("w", w.get(), expected);
  EXPECT_NE(expected[0], double(0.37f));
}

}  // namespace
}  // namespace encore::test
