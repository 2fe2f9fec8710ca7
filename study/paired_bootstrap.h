// Is one system better than another on a test set? The paired bootstrap over its rows (Koehn, "Statistical significance
// tests for machine translation evaluation", 2004), with the shifted form of Berg-Kirkpatrick et al., "An empirical
// investigation of statistical significance in NLP" (2012).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

namespace encore {

// What a system predicted: [seed][row], labels as numbers.
using SeedPredictions = std::vector<std::vector<int32_t>>;

struct BootstrapOptions {
  std::string metric = "macro-f1";  // as Scores::by_name takes it
  int64_t resamples = 10000;
  uint64_t seed = 1;
  int threads = 1;  // the figures do not depend on it
};

// Of "A is better than B".
struct Comparison {
  double a = 0, b = 0;       // means over the seeds, on the rows as they are
  double delta = 0;          // a - b
  double mean = 0, sd = 0;   // of the resampled deltas; the deviation divides by resamples - 1
  double p_one_sided = 1;    // share of resampled deltas <= 0
  double p_two_sided = 1;    // min(1, 2 min(share <= 0, share >= 0))
  double p_shifted = 1;      // share with |resampled - delta| >= |delta|
  double low = 0, high = 0;  // quantiles 0.025 and 0.975, linear between order statistics
  int64_t resamples = 0;
  nlohmann::json to_json() const;
};

// The n rows of a resample: row j is floor(u n), u from Philox with the key `seed` and the counter (resample, 21 << 16,
// j). REQUIRES 0 < n < 2^31.
std::vector<int32_t> resampled_rows(uint64_t seed, uint64_t resample, int64_t n);

// Draws the same rows for both systems and for all seeds of each, and compares the means over the seeds. So the
// interval shows the noise of the test rows alone, not that of the seeds. Throws Error: no rows, no seeds, a seed with
// other rows than gold, a label outside [0, labels), fewer than 2 resamples.
Comparison compare_systems(std::span<const int32_t> gold, const SeedPredictions& a, const SeedPredictions& b,
                           int labels, const BootstrapOptions& options);

// The figures of the resampled deltas. REQUIRES two or more.
Comparison comparison_of(double a, double b, std::vector<double> deltas);

// mean over the seeds of metric(a) - mean of metric(b), on these rows.
double delta_on_rows(std::span<const int32_t> gold, const SeedPredictions& a, const SeedPredictions& b, int labels,
                     const std::string& metric, std::span<const int32_t> rows);

// Holm's correction (Holm, "A simple sequentially rejective multiple test procedure", 1979): the adjusted p of each,
// min(1, max over the smaller ones of (m - rank) p), in the given order.
std::vector<double> holm(std::span<const double> p);

// "0.012", or "< 1/10000" where no resample was on the other side.
std::string p_text(double p, int64_t resamples);

}  // namespace encore
