// The rule for agreement with Hugging Face (tests/golden/README.md): errors against a float64 reference may be a fixed
// multiple of PyTorch's own errors in the same precision.
#pragma once

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernels/base/dtype.h"
#include "kernels/base/packed_batch.h"
#include "model/safetensors.h"

namespace encore::test {

using Tensors = std::map<std::string, std::vector<float>>;

inline Tensors read_tensors(const std::string& path) {
  Tensors all;
  const auto file = open_safetensors_file(path);
  for (const auto& [name, entry] : file->tensors()) all[name] = to_f32(entry, name);
  return all;
}

inline nlohmann::json read_json(const std::string& path) {
  std::ifstream in(path);
  return nlohmann::json::parse(in);
}

// A recorded batch: ragged input_ids with labels (-100 = ignored) or class_labels.
inline PackedBatch recorded_batch(const nlohmann::json& recorded) {
  PackedBatch b;
  b.cu_seqlens = {0};
  for (size_t n = 0; n < recorded.at("input_ids").size(); ++n) {
    const auto ids = recorded["input_ids"][n].get<std::vector<int32_t>>();
    b.ids.insert(b.ids.end(), ids.begin(), ids.end());
    for (size_t i = 0; recorded.contains("labels") && i < ids.size(); ++i) {
      const int32_t label = recorded["labels"][n][i];
      if (label < 0) continue;
      b.target_rows.push_back(b.cu_seqlens.back() + int32_t(i));
      b.target_labels.push_back(label);
    }
    b.cu_seqlens.push_back(int32_t(b.ids.size()));
    b.example_keys.push_back(n);
  }
  if (recorded.contains("class_labels")) b.class_labels = recorded["class_labels"].get<std::vector<int32_t>>();
  b.finish();
  return b;
}

class GoldenRule {
 public:
  // errors: errors.json of a case, of one batch.
  GoldenRule(const nlohmann::json& errors, DType dtype) : bf16_(dtype == DType::kBF16) {
    for (const auto& [way, values] : errors.items())
      if (way.starts_with(name_of(dtype))) ways_.push_back(values);
  }

  // One line for each tensor whose error is over its limit; empty if there is none.
  std::vector<std::string> violations(const Tensors& got, const Tensors& reference) const {
    std::vector<std::string> lines;
    double whole = 0, off = 0;
    for (const auto& [name, want] : reference)
      if (name.starts_with("grad.")) whole += square(want);
    for (const auto& [name, want] : reference) {
      const auto found = got.find(name);
      if (found == got.end() || found->second.size() != want.size()) {
        lines.push_back(name + " is missing or has another size");
        continue;
      }
      const bool gradient = name.starts_with("grad.");
      const double difference = square(found->second, want);
      double error, limit;
      if (gradient && name.ends_with("key.bias")) {
        error = std::sqrt(square(found->second) / whole);
        limit = bf16_ ? 2e-2 : 1e-6;
      } else {
        error = std::sqrt(difference) / std::max(std::sqrt(square(want)), 1e-30);
        limit = bf16_ ? std::max(2 * own(name), gradient ? 2e-2 : 4e-3) : std::max(4 * own(name), 2e-6);
        off += gradient ? difference : 0;
      }
      judge(name, error, limit, lines);
    }
    judge("the whole gradient", std::sqrt(off / whole), bf16_ ? 1.5 * own("whole") : std::max(4 * own("whole"), 2e-6),
          lines);
    return lines;
  }

 private:
  static double square(const std::vector<float>& a) {
    double sum = 0;
    for (const float x : a) sum += double(x) * x;
    return sum;
  }
  static double square(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
    return sum;
  }
  double own(const std::string& name) const {
    double largest = 0;
    for (const auto& way : ways_) largest = std::max(largest, way.at(name).get<double>());
    return largest;
  }
  static void judge(const std::string& name, double error, double limit, std::vector<std::string>& lines) {
    if (!(error <= limit)) lines.push_back(fmt::format("{}: {:.3g}, the limit is {:.3g}", name, error, limit));
  }

  bool bf16_;
  std::vector<nlohmann::json> ways_;
};

}  // namespace encore::test
