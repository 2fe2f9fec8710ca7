// Scores of a single-label classifier, with scikit-learn's definitions (zero_division = 0).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

namespace encore {

struct ClassScores {
  double precision = 0, recall = 0, f1 = 0;
  int64_t support = 0;  // gold rows of the class
};

struct Scores {
  int64_t rows = 0;
  double accuracy = 0;
  double macro_f1 = 0;     // unweighted mean over all labels of the task; a label that never occurs counts 0
  double micro_f1 = 0;     // equals accuracy for single labels
  double weighted_f1 = 0;  // weighted by support
  std::vector<ClassScores> per_class;
  std::vector<std::vector<int64_t>> confusion;  // [gold][predicted]

  // "macro-f1", "micro-f1", "accuracy", "weighted-f1". Throws Error for another name.
  double by_name(const std::string& metric) const;
  nlohmann::json to_json(const std::vector<std::string>& labels) const;
};

// REQUIRES: every entry of gold and predicted is in [0, labels). Throws Error otherwise or when lengths differ.
Scores score(std::span<const int32_t> gold, std::span<const int32_t> predicted, int labels);
// The same from the counts [gold][predicted] of every pair of labels.
Scores score_counts(std::vector<std::vector<int64_t>> confusion);

struct MeanStd {
  double mean = 0;
  double std_sample = 0;      // divides by n - 1; 0 for one value
  double std_population = 0;  // divides by n
  nlohmann::json to_json() const;
};
MeanStd mean_std(std::span<const double> values);

}  // namespace encore
