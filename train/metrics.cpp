#include "train/metrics.h"

#include <cmath>
#include <numeric>

#include "kernels/base/check.h"

namespace encore {
namespace {

double ratio(double part, double whole) {
  return whole > 0 ? part / whole : 0.0;
}

}  // namespace

Scores score(std::span<const int32_t> gold, std::span<const int32_t> predicted, int labels) {
  check(gold.size() == predicted.size(), "{} gold labels against {} predictions", gold.size(), predicted.size());
  std::vector<std::vector<int64_t>> confusion(size_t(labels), std::vector<int64_t>(size_t(labels), 0));
  for (size_t i = 0; i < gold.size(); ++i) {
    check(gold[i] >= 0 && gold[i] < labels && predicted[i] >= 0 && predicted[i] < labels,
          "row {}: label {} or prediction {} is not in [0, {})", i, gold[i], predicted[i], labels);
    ++confusion[size_t(gold[i])][size_t(predicted[i])];
  }
  return score_counts(std::move(confusion));
}

Scores score_counts(std::vector<std::vector<int64_t>> confusion) {
  Scores s{.confusion = std::move(confusion)};
  const int labels = int(s.confusion.size());
  for (const auto& row : s.confusion) s.rows = std::accumulate(row.begin(), row.end(), s.rows);
  int64_t right = 0;
  for (int c = 0; c < labels; ++c) {
    int64_t as_gold = 0, as_predicted = 0;
    for (int d = 0; d < labels; ++d) {
      as_gold += s.confusion[size_t(c)][size_t(d)];
      as_predicted += s.confusion[size_t(d)][size_t(c)];
    }
    const double hits = double(s.confusion[size_t(c)][size_t(c)]);
    right += int64_t(hits);
    const ClassScores k{.precision = ratio(hits, double(as_predicted)),
                        .recall = ratio(hits, double(as_gold)),
                        .f1 = ratio(2 * hits, double(as_gold + as_predicted)),
                        .support = as_gold};
    s.macro_f1 += k.f1 / labels;
    s.weighted_f1 += ratio(k.f1 * double(as_gold), double(s.rows));
    s.per_class.push_back(k);
  }
  s.accuracy = s.micro_f1 = ratio(double(right), double(s.rows));
  return s;
}

double Scores::by_name(const std::string& metric) const {
  if (metric == "macro-f1") return macro_f1;
  if (metric == "micro-f1") return micro_f1;
  if (metric == "weighted-f1") return weighted_f1;
  check(metric == "accuracy", "--metric: '{}' is none of macro-f1, micro-f1, weighted-f1, accuracy", metric);
  return accuracy;
}

nlohmann::json Scores::to_json(const std::vector<std::string>& labels) const {
  nlohmann::json classes = nlohmann::json::object();
  for (size_t c = 0; c < per_class.size(); ++c)
    classes[labels[c]] = {{"precision", per_class[c].precision},
                          {"recall", per_class[c].recall},
                          {"f1", per_class[c].f1},
                          {"support", per_class[c].support}};
  return {{"rows", rows},          {"accuracy", accuracy},       {"macro_f1", macro_f1},
          {"micro_f1", micro_f1},  {"weighted_f1", weighted_f1}, {"per_class", classes},
          {"confusion", confusion}};
}

MeanStd mean_std(std::span<const double> values) {
  MeanStd r;
  const double n = double(values.size());
  if (values.empty()) return r;
  for (double v : values) r.mean += v / n;
  double squares = 0;
  for (double v : values) squares += (v - r.mean) * (v - r.mean);
  r.std_population = std::sqrt(squares / n);
  r.std_sample = values.size() > 1 ? std::sqrt(squares / (n - 1)) : 0;
  return r;
}

nlohmann::json MeanStd::to_json() const {
  return {{"mean", mean}, {"std_sample", std_sample}, {"std_population", std_population}};
}

}  // namespace encore
