// The backward pass of whole models, with dropout, against finite differences of the loss. The dropout masks are
// functions of the seed, so the loss is a smooth function of the weights.
#include "tests/model/tiny_model.h"

namespace encore::test {
namespace {

constexpr uint64_t kSeed = 99;

double loss_of(Model& model, const PackedBatch& batch) {
  model.take_totals();
  model.params().zero_gradients();
  model.forward_backward(batch, 0.0f, kSeed);
  return model.take_totals().loss_sum;
}

// The slope of the loss along a direction, by the fourth-order central difference.
double slope(Model& model, const PackedBatch& batch, int index, const std::vector<float>& direction, double step) {
  ParamStore& params = model.params();
  const std::vector<float> saved = params.read(index);
  const auto loss_at = [&](double t) {
    std::vector<float> moved(saved);
    for (size_t i = 0; i < moved.size(); ++i) moved[i] = float(saved[i] + t * direction[i]);
    params.write(index, moved.data());
    params.weights_changed();
    return loss_of(model, batch);
  };
  const double near = loss_at(step) - loss_at(-step), far = loss_at(2 * step) - loss_at(-2 * step);
  params.write(index, saved.data());
  params.weights_changed();
  return (8 * near - far) / (12 * step);
}

// The slope along the gradient is the norm of the gradient, and the slope along a random half of its elements is the
// norm of that half. A wrong element changes the slope.
void check_parameter(Model& model, const PackedBatch& batch, int index, const std::vector<float>& gradient,
                     double whole, std::mt19937_64& random) {
  const std::string& name = model.params().parameters()[size_t(index)].name;
  if (name.ends_with("key.bias")) {
    EXPECT_LT(norm(gradient), 1e-5 * whole) << name << ": softmax ignores a key bias";
    return;
  }
  for (int trial = 0; trial < 2; ++trial) {
    std::vector<float> direction(gradient);
    if (trial > 0)
      for (float& d : direction) d = random() % 2 ? d : 0;
    const double length = norm(direction);
    ASSERT_GT(length, 1e-3 * whole) << name << ": a gradient too small to check";
    for (float& d : direction) d = float(d / length);
    EXPECT_NEAR(slope(model, batch, index, direction, 4e-3) / length, 1.0, 4e-3) << name << ", trial " << trial;
  }
}

void check_all(Model& model, const PackedBatch& batch) {
  model.reserve(capacity_of(batch), Mode::kTraining);
  // Gradients are added to, so a second pass must double them.
  const Gradients once = run_step(model, batch, kSeed);
  model.forward_backward(batch, 1.0f, kSeed);
  Gradients twice = read_gradients(model.params());
  for (auto& g : twice)
    for (float& x : g) x /= 2;
  expect_close(model.params(), twice, once, 1e-5);

  std::mt19937_64 random(5);
  const double whole = norm(once);
  for (size_t i = 0; i < once.size(); ++i) check_parameter(model, batch, int(i), once[i], whole, random);
}

TEST(Gradient, MaskedLm) {
  const auto model = tiny_mlm();
  check_all(*model, pack(model->config(), tiny_examples(model->config()), false));
}

TEST(Gradient, MaskedLmWithoutDropoutAndOneLayer) {
  EncoderConfig config = tiny_config();
  config.num_hidden_layers = 1;
  config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
  const auto model = tiny_mlm(config);
  check_all(*model, pack(config, tiny_examples(config), false));
}

TEST(Gradient, Classifier) {
  const auto model = tiny_classifier();
  check_all(*model, pack(model->config(), tiny_examples(model->config()), true));
}

}  // namespace
}  // namespace encore::test
