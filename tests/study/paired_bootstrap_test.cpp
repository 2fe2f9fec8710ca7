#include "study/paired_bootstrap.h"

#include <gtest/gtest.h>

#include "kernels/base/check.h"

namespace encore {
namespace {

const std::vector<int32_t> kGold = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0};

TEST(PairedBootstrap, EqualSystemsDoNotDiffer) {
  const SeedPredictions a = {{0, 1, 1, 0, 1, 2, 0, 1, 0, 0}};
  const Comparison c = compare_systems(kGold, a, a, 3, {.resamples = 100});
  EXPECT_EQ(c.delta, 0);
  EXPECT_EQ(c.p_one_sided, 1);
  EXPECT_EQ(c.p_two_sided, 1);
  EXPECT_EQ(c.p_shifted, 1);
}

TEST(PairedBootstrap, TheFiguresDoNotDependOnThreads) {
  const SeedPredictions a = {kGold}, b = {{0, 1, 1, 0, 1, 2, 0, 1, 0, 0}};
  const auto with = [&](int threads) {
    return compare_systems(kGold, a, b, 3, {.resamples = 333, .seed = 7, .threads = threads}).to_json();
  };
  EXPECT_EQ(with(1), with(5));
}

TEST(PairedBootstrap, ABetterSystemInEveryRow) {
  const Comparison c =
      compare_systems(kGold, {kGold}, {std::vector<int32_t>(10, 0)}, 3, {.metric = "accuracy", .resamples = 500});
  EXPECT_DOUBLE_EQ(c.delta, 0.6);
  EXPECT_LT(c.p_one_sided, 0.01);
  EXPECT_EQ(p_text(0, c.resamples), "< 1/500");
  EXPECT_EQ(p_text(0.25, c.resamples), "0.25");
}

TEST(PairedBootstrap, RefusesWhatCannotBeCompared) {
  const SeedPredictions right = {kGold};
  const auto refused = [&](std::span<const int32_t> gold, const SeedPredictions& a, const BootstrapOptions& options) {
    try {
      compare_systems(gold, a, right, 3, options);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("not refused");
  };
  EXPECT_EQ(refused({}, {{}}, {}), "a comparison of systems needs rows");
  EXPECT_EQ(refused(kGold, {}, {}), "system A: no seed");
  EXPECT_EQ(refused(kGold, {{0, 1}}, {}), "system A, seed 0: 2 predictions for 10 rows");
  EXPECT_EQ(refused(kGold, {std::vector<int32_t>(10, 3)}, {}),
            "system A, seed 0, row 0: prediction 3 is not in [0, 3)");
  EXPECT_EQ(refused(kGold, right, {.resamples = 1}), "1 resamples: a bootstrap needs two or more");
  EXPECT_NE(refused(kGold, right, {.metric = "f1"}), "not refused");
}

TEST(Holm, MultipliesByWhatIsLeft) {
  // By hand: sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1; each at least the one before.
  const std::vector<double> p = {0.03, 0.01, 0.04, 0.02};
  const std::vector<double> expected = {0.06, 0.04, 0.06, 0.06};
  const std::vector<double> adjusted = holm(p);
  for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(adjusted[i], expected[i], 1e-15);
  EXPECT_EQ(holm(std::vector<double>{0.6, 0.9}), (std::vector<double>{1, 1}));
  EXPECT_TRUE(holm({}).empty());
}

}  // namespace
}  // namespace encore
