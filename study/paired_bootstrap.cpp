#include "study/paired_bootstrap.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>

#include "kernels/base/check.h"
#include "kernels/base/rng.h"
#include "kernels/base/thread_team.h"
#include "train/metrics.h"

namespace encore {
namespace {

// Two figures of one value may differ by their last bits: a delta of such a size is 0.
constexpr double kTolerance = 1e-12;

void check_predictions(const char* system, std::span<const int32_t> gold, const SeedPredictions& predictions,
                       int labels) {
  check(!predictions.empty(), "system {}: no seed", system);
  for (size_t s = 0; s < predictions.size(); ++s) {
    check(predictions[s].size() == gold.size(), "system {}, seed {}: {} predictions for {} rows", system, s,
          predictions[s].size(), gold.size());
    for (size_t row = 0; row < gold.size(); ++row)
      check(predictions[s][row] >= 0 && predictions[s][row] < labels,
            "system {}, seed {}, row {}: prediction {} is not in [0, {})", system, s, row, predictions[s][row], labels);
  }
}

// Mean over the seeds of a metric, each row counted times[row] times.
class Measure {
 public:
  Measure(std::span<const int32_t> gold, int labels, const std::string& metric)
      : gold_(gold), labels_(size_t(labels)), metric_(metric) {}

  double operator()(const SeedPredictions& predictions, std::span<const int32_t> times) const {
    double sum = 0;
    for (const std::vector<int32_t>& predicted : predictions) {
      std::vector<std::vector<int64_t>> confusion(labels_, std::vector<int64_t>(labels_, 0));
      for (size_t row = 0; row < gold_.size(); ++row)
        confusion[size_t(gold_[row])][size_t(predicted[row])] += times[row];
      sum += score_counts(std::move(confusion)).by_name(metric_);
    }
    return sum / double(predictions.size());
  }

 private:
  std::span<const int32_t> gold_;
  size_t labels_;
  std::string metric_;
};

std::vector<int32_t> times_of(std::span<const int32_t> rows, size_t n) {
  std::vector<int32_t> times(n, 0);
  for (int32_t row : rows) ++times[size_t(row)];
  return times;
}

double share(const std::vector<double>& values, auto counts) {
  return double(std::count_if(values.begin(), values.end(), counts)) / double(values.size());
}

double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * double(sorted.size() - 1);
  const size_t below = size_t(at), above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - double(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::vector<int32_t> resampled_rows(uint64_t seed, uint64_t resample, int64_t n) {
  std::vector<int32_t> rows(static_cast<size_t>(n));
  for (int64_t j = 0; j < n; ++j)
    rows[size_t(j)] = int32_t(uniform(draw(seed, resample, draw_site(0, Site::kBootstrap), uint32_t(j))) * double(n));
  return rows;
}

double delta_on_rows(std::span<const int32_t> gold, const SeedPredictions& a, const SeedPredictions& b, int labels,
                     const std::string& metric, std::span<const int32_t> rows) {
  const Measure measure(gold, labels, metric);
  const std::vector<int32_t> times = times_of(rows, gold.size());
  return measure(a, times) - measure(b, times);
}

Comparison comparison_of(double a, double b, std::vector<double> deltas) {
  Comparison c{.a = a, .b = b, .delta = a - b, .resamples = int64_t(deltas.size())};
  const MeanStd spread = mean_std(deltas);
  c.mean = spread.mean;
  c.sd = spread.std_sample;
  const double not_above = share(deltas, [](double d) { return d <= kTolerance; });
  const double not_below = share(deltas, [](double d) { return d >= -kTolerance; });
  c.p_one_sided = not_above;
  c.p_two_sided = std::min(1.0, 2 * std::min(not_above, not_below));
  c.p_shifted = share(deltas, [&](double d) { return std::abs(d - c.delta) >= std::abs(c.delta) - kTolerance; });
  std::sort(deltas.begin(), deltas.end());
  c.low = quantile(deltas, 0.025);
  c.high = quantile(deltas, 0.975);
  return c;
}

Comparison compare_systems(std::span<const int32_t> gold, const SeedPredictions& a, const SeedPredictions& b,
                           int labels, const BootstrapOptions& options) {
  check(!gold.empty(), "a comparison of systems needs rows");
  check(options.resamples >= 2, "{} resamples: a bootstrap needs two or more", options.resamples);
  for (size_t row = 0; row < gold.size(); ++row)
    check(gold[row] >= 0 && gold[row] < labels, "row {}: label {} is not in [0, {})", row, gold[row], labels);
  check_predictions("A", gold, a, labels);
  check_predictions("B", gold, b, labels);
  const Measure measure(gold, labels, options.metric);
  const std::vector<int32_t> once(gold.size(), 1);
  const double whole_a = measure(a, once),
               whole_b = measure(b, once);  // also refuses an unknown metric, outside threads
  std::vector<double> deltas(size_t(options.resamples));
  std::atomic<int64_t> next{0};
  LoopFailure failure;
  run_on_team(options.threads, [&] {
    failure.guard([&] {
      for (int64_t r; (r = next++) < options.resamples;)
        deltas[size_t(r)] = delta_on_rows(gold, a, b, labels, options.metric,
                                          resampled_rows(options.seed, uint64_t(r), int64_t(gold.size())));
    });
  });
  failure.rethrow();
  return comparison_of(whole_a, whole_b, std::move(deltas));
}

nlohmann::json Comparison::to_json() const {
  return {{"a", a},
          {"b", b},
          {"delta", delta},
          {"mean", mean},
          {"sd", sd},
          {"p_one_sided", p_one_sided},
          {"p_two_sided", p_two_sided},
          {"p_shifted", p_shifted},
          {"interval95", {low, high}},
          {"resamples", resamples}};
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::stable_sort(order.begin(), order.end(), [&](size_t x, size_t y) { return p[x] < p[y]; });
  std::vector<double> adjusted(p.size());
  double largest = 0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, double(order.size() - rank) * p[order[rank]]);
    adjusted[order[rank]] = std::min(1.0, largest);
  }
  return adjusted;
}

std::string p_text(double p, int64_t resamples) {
  return p > 0 ? fmt::format("{:.3g}", p) : fmt::format("< 1/{}", resamples);
}

}  // namespace encore
