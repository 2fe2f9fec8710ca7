// The paired bootstrap against the pinned vectors of an independent implementation.
#include <gtest/gtest.h>

#include <fstream>

#include "kernels/base/rng.h"
#include "study/paired_bootstrap.h"
#include "tests/methods/methods_folder.h"
#include "train/metrics.h"

namespace encore::test {
namespace {

using nlohmann::json;

// Figures are recorded with 12 digits.
void expect_close(double value, const json& expected, const std::string& what) {
  EXPECT_NEAR(value, expected.get<double>(), 1e-9 * std::max(1.0, std::abs(expected.get<double>()))) << what;
}

std::string metric_name(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

class BootstrapVectors : public testing::Test {
 protected:
  void SetUp() override {
    const std::string folder = methods_folder("bootstrap");
    if (folder.empty()) GTEST_SKIP() << kNoVectors;
    std::ifstream(folder + "/expected.json") >> expected_;
  }
  json expected_;
};

TEST_F(BootstrapVectors, Cases) {
  for (const json& c : expected_["cases"]) {
    const auto gold = c["gold"].get<std::vector<int32_t>>();
    const SeedPredictions a = {c["a"].get<std::vector<int32_t>>()}, b = {c["b"].get<std::vector<int32_t>>()};
    const uint64_t seed = c["seed"];
    for (size_t r = 0; r < c["first_resamples"].size(); ++r)
      EXPECT_EQ(resampled_rows(seed, r, c["rows"]), c["first_resamples"][r].get<std::vector<int32_t>>()) << c["name"];
    for (const auto& [metric, figures] : c["metrics"].items()) {
      const std::string what = c["name"].get<std::string>() + " " + metric;
      const BootstrapOptions options{
          .metric = metric_name(metric), .resamples = c["resamples"], .seed = seed, .threads = 3};
      const json ours = compare_systems(gold, a, b, c["labels"], options).to_json();
      for (const char* key : {"a", "b", "delta", "mean", "sd", "p_one_sided", "p_two_sided", "p_shifted"})
        expect_close(ours[key], figures[key], what + " " + key);
      for (size_t end = 0; end < 2; ++end)
        expect_close(ours["interval95"][end], figures["interval95"][end], what + " interval");
      for (size_t r = 0; r < figures["first"].size(); ++r)
        expect_close(delta_on_rows(gold, a, b, c["labels"], options.metric, resampled_rows(seed, r, c["rows"])),
                     figures["first"][r], what + " delta");
    }
  }
}

TEST_F(BootstrapVectors, SeveralSeeds) {
  const json& c = expected_["several_seeds"];
  const Comparison ours =
      compare_systems(c["gold"].get<std::vector<int32_t>>(), c["a"], c["b"], c["labels"],
                      {.metric = "macro-f1", .resamples = c["resamples"], .seed = c["seed"], .threads = 2});
  expect_close(ours.delta, c["delta"], "delta");
  expect_close(ours.p_one_sided, c["p_one_sided"], "p");
  expect_close(ours.p_two_sided, c["p_two_sided"], "p, two-sided");
  expect_close(ours.low, c["interval95"][0], "low");
  expect_close(ours.high, c["interval95"][1], "high");
  for (const std::string side : {"a", "b"}) {
    const MeanStd spread = mean_std(c["macro_" + side].get<std::vector<double>>());
    expect_close(side == "a" ? ours.a : ours.b, c["mean_" + side], "mean of " + side);
    expect_close(spread.std_population, c["sd_population_" + side], "population deviation of " + side);
    expect_close(spread.std_sample, c["sd_sample_" + side], "sample deviation of " + side);
  }
}

TEST_F(BootstrapVectors, GivenRows) {
  const json& c = expected_["given_indices"];
  const auto gold = c["gold"].get<std::vector<int32_t>>();
  const SeedPredictions a = {c["a"].get<std::vector<int32_t>>()}, b = {c["b"].get<std::vector<int32_t>>()};
  std::vector<double> deltas;
  for (size_t r = 0; r < c["indices"].size(); ++r) {
    deltas.push_back(delta_on_rows(gold, a, b, c["labels"], "macro-f1", c["indices"][r].get<std::vector<int32_t>>()));
    expect_close(deltas.back(), c["deltas"][r], "delta");
  }
  const Comparison ours = comparison_of(0, 0, deltas);
  expect_close(ours.p_one_sided, c["p_one_sided"], "p");
  expect_close(ours.low, c["interval95"][0], "low");
}

}  // namespace
}  // namespace encore::test
