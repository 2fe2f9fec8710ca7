// For the tests of checkpoints: small models whose weights all differ, and files of such weights.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "kernels/backend_factory.h"
#include "model/checkpoint.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "tests/model/test_files.h"

namespace encore {

using nlohmann::json;
using Weights = std::map<std::string, std::pair<std::vector<int64_t>, std::vector<float>>>;

inline constexpr const char* kWords = "roberta.embeddings.word_embeddings.weight";

inline Backend& backend() {
  static const std::unique_ptr<Backend> cpu = make_backend("cpu", 1);
  return *cpu;
}

inline json small_json() {
  return json::parse(R"({"architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "vocab_size": 37,
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12,
    "max_position_embeddings": 20, "type_vocab_size": 1, "layer_norm_eps": 1e-05, "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
    "initializer_range": 0.02, "marker": "travels on"})");
}
inline EncoderConfig small_config() {
  return parse_config(small_json().dump(), "config.json");
}
inline std::unique_ptr<Model> small_mlm(DType compute = DType::kF32) {
  return make_mlm(small_config(), backend(), compute, Mode::kInference);
}

// All values differ, so that a test sees a swap of two tensors or rows.
inline Weights distinct(const ParamStore& store) {
  Weights weights;
  float next = 0.001f;
  for (const Parameter& p : store.parameters()) {
    auto& [shape, values] = weights[p.name];
    shape = p.shape;
    for (int64_t i = 0; i < p.size(); ++i) values.push_back(next += 0.00137f);
  }
  return weights;
}

inline void write_weights(const std::string& dir, const Weights& weights, const std::string& file = "model.safetensors",
                          DType dtype = DType::kF32) {
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, tensor] : weights)
    tensors.push_back({.name = name, .shape = tensor.first, .values = [values = tensor.second] { return values; }});
  write_safetensors(dir + "/" + file, tensors, dtype);
}

inline void expect_equal(const ParamStore& store, const Weights& expected) {
  for (size_t i = 0; i < store.parameters().size(); ++i) {
    const std::string& name = store.parameters()[i].name;
    const auto it = expected.find(name);
    if (it == expected.end()) continue;
    EXPECT_EQ(store.read(int(i)), it->second.second) << name;
  }
}

inline bool any_with(const std::vector<std::string>& list, const std::string& part) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& s) { return s.find(part) != s.npos; });
}

}  // namespace encore
