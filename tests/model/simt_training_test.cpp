// The CUDA backend end to end without a GPU: a tiny model trained through its kernels on the host executor
// (libencore_simt.so, as `trace --device simt` opens it) beside the same training on the CPU backend. Dropout draws the
// same bits on both, so runs with it can be compared too.
#include "kernels/base/program_path.h"
#include "optim/optimizer.h"
#include "tests/model/tiny_model.h"

namespace encore::test {
namespace {

constexpr int kSteps = 5;

struct Trained {
  std::vector<double> losses;  // nats a target, of each step
  Gradients first;             // of the first step: all start from the same weights
};

std::vector<Example> forty_tokens(const RobertaConfig& c) {
  std::vector<Example> examples;
  for (const int length : {17, 1, 9, 11, 2}) examples.push_back(random_example(c, length, uint64_t(30 + length)));
  return examples;
}

Trained train(Backend& backend, DType dtype, bool dropout) {
  RobertaConfig config = tiny_config();
  if (!dropout) config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
  const auto model = make_mlm(config, backend, dtype, Mode::kTraining);
  scramble(model->params(), 1);
  const PackedBatch batch = pack(config, forty_tokens(config), false);
  model->reserve(capacity_of(batch), Mode::kTraining);
  Optimizer optimizer(model->params(), {.weight_decay = 0.01, .clip = 1});
  Trained result;
  for (int s = 0; s < kSteps; ++s) {
    model->params().zero_gradients();
    model->forward_backward(batch, 1.0f / float(batch.targets()), uint64_t(s));
    if (s == 0) result.first = read_gradients(model->params());
    const LossTotals totals = model->take_totals();
    result.losses.push_back(totals.loss_sum / double(totals.targets));
    optimizer.step(1e-3, optimizer.gradient_norm());
  }
  return result;
}

double distance_of(const Gradients& a, const Gradients& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += distance(a[i], b[i]) * distance(a[i], b[i]);
  return std::sqrt(sum);
}

class SimtTraining : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (plugin_path("libencore_simt.so").empty()) GTEST_SKIP() << "skipped: this build has no libencore_simt.so";
    simt_ = make_backend("simt");
  }
  std::unique_ptr<Backend> simt_;
};

TEST_P(SimtTraining, AgreesWithTheCpuInSinglePrecision) {
  const Trained cpu = train(backend(), DType::kF32, GetParam()), simt = train(*simt_, DType::kF32, GetParam());
  EXPECT_LE(distance_of(simt.first, cpu.first), 1e-5 * norm(cpu.first));
  for (int s = 0; s < kSteps; ++s) EXPECT_NEAR(simt.losses[s], cpu.losses[s], 1e-4 * cpu.losses[s]) << "step " << s;
  EXPECT_LT(cpu.losses.back(), 0.97 * cpu.losses.front()) << "nothing was learned";
}

TEST_P(SimtTraining, AgreesWithTheCpuInHalfPrecision) {
  if (!backend().native_bf16()) GTEST_SKIP() << "skipped: no bf16 products on this processor";
  const Trained exact = train(backend(), DType::kF32, GetParam());
  const Trained cpu = train(backend(), DType::kBF16, GetParam()), simt = train(*simt_, DType::kBF16, GetParam());
  EXPECT_LE(distance_of(simt.first, exact.first), 2 * distance_of(cpu.first, exact.first));
  for (int s = 0; s < kSteps; ++s) EXPECT_NEAR(simt.losses[s], cpu.losses[s], 4e-3 * cpu.losses[s]) << "step " << s;
}

INSTANTIATE_TEST_SUITE_P(Dropout, SimtTraining, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "On" : "Off"; });

}  // namespace
}  // namespace encore::test
