// Small models and batches for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <random>

#include "kernels/backend_factory.h"
#include "model/model.h"

namespace encore::test {

inline Backend& backend() {
  static const std::unique_ptr<Backend> cpu = make_backend("cpu");
  return *cpu;
}

inline EncoderConfig tiny_config() {
  EncoderConfig c;
  c.vocab_size = 83;  // prime
  c.hidden_size = 64;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 2;
  c.intermediate_size = 96;
  c.max_position_embeddings = 40;
  c.type_vocab_size = 2;
  c.layer_norm_eps = 1e-5f;
  c.hidden_dropout_prob = 0.15f;
  c.attention_probs_dropout_prob = 0.2f;
  c.classifier_dropout = 0.25f;
  return c;
}

constexpr int kTinyLabels = 5;

// Makes every parameter random: no bias is 0, no gain is 1, attention is far from uniform.
inline void scramble(ParamStore& params, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  for (size_t i = 0; i < params.parameters().size(); ++i) {
    const Parameter& p = params.parameters()[i];
    const float deviation = p.shape.size() == 2 ? 0.15f : 0.2f;
    const bool gain = p.init == Init::kOne;
    std::vector<float> values(size_t(p.size()));
    for (float& v : values) v = (gain ? 1.0f : 0.0f) + deviation * normal(random);
    params.write(int(i), values.data());
  }
  params.weights_changed();
}

inline std::unique_ptr<Model> tiny_mlm(EncoderConfig config = tiny_config(), DType dtype = DType::kF32) {
  auto model = make_mlm(config, backend(), dtype, Mode::kTraining);
  scramble(model->params(), 1);
  return model;
}

inline std::unique_ptr<Model> tiny_classifier(EncoderConfig config = tiny_config(), DType dtype = DType::kF32) {
  auto model = make_classifier(config, kTinyLabels, backend(), dtype, Mode::kTraining);
  scramble(model->params(), 2);
  return model;
}

struct Example {
  std::vector<int32_t> ids, types;
  std::vector<int32_t> targets, labels;  // positions within the example and their true ids
  int32_t class_label;
  uint64_t key;
};

// An example with a pad id inside if it is long enough, and with about a quarter of its tokens as targets.
inline Example random_example(const EncoderConfig& c, int length, uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&](int64_t n) { return int32_t(random() % uint64_t(n)); };
  Example e{.class_label = below(kTinyLabels), .key = example_key(3, seed)};
  for (int i = 0; i < length; ++i) {
    e.ids.push_back(i == 4 ? c.pad_token_id : 3 + below(c.vocab_size - 3));
    e.types.push_back(i > length / 2 ? 1 : 0);
    if (below(4) == 0) {
      e.targets.push_back(i);
      e.labels.push_back(below(c.vocab_size));
    }
  }
  return e;
}

inline PackedBatch pack(const EncoderConfig& c, const std::vector<Example>& examples, bool classify) {
  PackedBatch b;
  b.cu_seqlens = {0};
  for (const Example& e : examples) {
    const int32_t start = int32_t(b.ids.size());
    b.ids.insert(b.ids.end(), e.ids.begin(), e.ids.end());
    b.type_ids.insert(b.type_ids.end(), e.types.begin(), e.types.end());
    b.cu_seqlens.push_back(int32_t(b.ids.size()));
    b.example_keys.push_back(e.key);
    if (classify) {
      b.class_labels.push_back(e.class_label);
      continue;
    }
    for (size_t i = 0; i < e.targets.size(); ++i) {
      b.target_rows.push_back(start + e.targets[i]);
      b.target_labels.push_back(e.labels[i]);
    }
  }
  b.finish();
  return b;
}

inline std::vector<Example> tiny_examples(const EncoderConfig& c) {
  std::vector<Example> examples;
  uint64_t seed = 10;
  for (const int length : {17, 1, 9, 33, 2}) examples.push_back(random_example(c, length, seed++));
  return examples;
}

inline BatchCapacity capacity_of(const PackedBatch& b) {
  return {.tokens = b.tokens(), .sequences = b.sequences(), .targets = b.targets()};
}

// Gradients of all parameters, in registration order.
using Gradients = std::vector<std::vector<float>>;
inline Gradients read_gradients(const ParamStore& params) {
  Gradients all;
  for (size_t i = 0; i < params.parameters().size(); ++i) all.push_back(params.read_gradient(int(i)));
  return all;
}

inline Gradients run_step(Model& model, const PackedBatch& b, uint64_t seed = 7, float scale = 1) {
  model.params().zero_gradients();
  model.forward_backward(b, scale, seed);
  return read_gradients(model.params());
}

inline double norm(const std::vector<float>& a) {
  double sum = 0;
  for (const float x : a) sum += double(x) * x;
  return std::sqrt(sum);
}
inline double norm(const Gradients& g) {
  double sum = 0;
  for (const auto& a : g) sum += norm(a) * norm(a);
  return std::sqrt(sum);
}
inline double distance(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
  return std::sqrt(sum);
}

// Each tensor must agree within `tolerance` of its norm. The gradients of key biases are rounding errors alone, so they
// must agree within `tolerance` of the norm of all gradients.
inline void expect_close(const ParamStore& params, const Gradients& a, const Gradients& b, double tolerance) {
  const double whole = norm(b);
  ASSERT_GT(whole, 0);
  for (size_t i = 0; i < a.size(); ++i) {
    const std::string& name = params.parameters()[i].name;
    const double scale = name.ends_with("key.bias") ? whole : norm(b[i]);
    EXPECT_LE(distance(a[i], b[i]), tolerance * scale) << name;
    EXPECT_GT(norm(b[i]), name.ends_with("key.bias") ? -1 : 1e-4 * whole) << name << " has no gradient to compare";
  }
}

}  // namespace encore::test
