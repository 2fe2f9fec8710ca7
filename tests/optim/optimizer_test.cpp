// Refused options, the parameters with weight decay, and clipping.
#include "optim/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "kernels/backend_factory.h"

namespace encore {
namespace {

Backend& backend() {
  static const std::unique_ptr<Backend> cpu = make_backend("cpu", 1);
  return *cpu;
}

// A matrix, a bias, and two LayerNorms, of which the legacy rule decays one.
struct Store {
  ParamStore params;
  Store() {
    params.add({.name = "dense.weight", .shape = {3, 4}, .init = Init::kOne, .decay = true});
    params.add({.name = "dense.bias", .shape = {4}, .init = Init::kOne});
    params.add({.name = "output.LayerNorm.weight", .shape = {4}, .init = Init::kOne});
    params.add({.name = "lm_head.layer_norm.weight", .shape = {4}, .init = Init::kOne});
    params.allocate(backend(), DType::kF32, true);
    params.initialise(1, 0.02f);
    params.weights_changed();
  }
  void set_gradients(float value) {
    std::vector<float> all(size_t(params.length()));
    for (const Parameter& p : params.parameters()) std::fill_n(all.begin() + p.offset, p.size(), value);
    backend().copy_to_device(params.gradients().data, all.data(), all.size() * sizeof(float));
  }
};

TEST(Optimizer, RefusesOptionsOutOfRange) {
  Store store;
  const auto refusal = [&](const std::function<void(AdamWOptions&)>& change) -> std::string {
    AdamWOptions options;
    change(options);
    try {
      Optimizer(store.params, options);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(refusal([](AdamWOptions& o) { o.beta1 = 1; }), "--adam-beta1 is 1, not in [0, 1)");
  EXPECT_EQ(refusal([](AdamWOptions& o) { o.beta2 = -0.5; }), "--adam-beta2 is -0.5, not in [0, 1)");
  EXPECT_EQ(refusal([](AdamWOptions& o) { o.eps = 0; }), "--adam-eps is 0, not above 0");
  EXPECT_EQ(refusal([](AdamWOptions& o) { o.weight_decay = -1; }), "--weight-decay is -1, below 0");
  EXPECT_EQ(refusal([](AdamWOptions& o) { o.clip = -1; }), "--clip is -1, below 0");
  EXPECT_EQ(refusal([](AdamWOptions& o) { o.weight_decay = 0; }), "");
}

// With zero gradients a step is the weight decay alone: w (1 - lr * decay).
TEST(Optimizer, DecaysWhatTheRuleNames) {
  for (const bool legacy : {false, true}) {
    Store store;
    Optimizer optimizer(store.params, {.weight_decay = 0.5, .legacy_decay = legacy});
    EXPECT_EQ(optimizer.gradient_norm(), 0);
    optimizer.step(0.1, 0);
    EXPECT_EQ(optimizer.steps(), 1);
    const std::vector<float> expected = {0.95f, 1, 1, legacy ? 0.95f : 1};
    for (size_t i = 0; i < expected.size(); ++i) {
      const std::vector<float> values = store.params.read(int(i));
      for (const float v : values) EXPECT_FLOAT_EQ(v, expected[i]) << store.params.parameters()[i].name;
    }
  }
}

// The first moment after one step is 0.1 g, where g is the clipped gradient.
TEST(Optimizer, ClipsByTheGlobalNorm) {
  for (const double clip : {0.0, 1.0, 1e6}) {
    Store store;
    store.set_gradients(2);
    Optimizer optimizer(store.params, {.clip = clip});
    const double norm = optimizer.gradient_norm();
    EXPECT_NEAR(norm, 2 * std::sqrt(24.0), 1e-9);
    optimizer.step(1e-3, norm);
    std::vector<float> m(size_t(store.params.length()));
    backend().copy_to_host(m.data(), optimizer.m().data, m.size() * sizeof(float));
    const double clipped = clip == 1.0 ? 2 / (norm + 1e-6) : 2;
    EXPECT_NEAR(m[0], 0.1 * clipped, 1e-7) << clip;
    EXPECT_EQ(m[13], 0) << "the room between two parameters";
  }
}

}  // namespace
}  // namespace encore
