// The CUDA backend end to end without a GPU: a tiny model is trained through its kernels on the host executor
// (libencore_simt.so, as `trace --device simt` opens it) and on the CPU backend, and the results are compared. Both
// draw the same dropout masks, so runs with dropout can be compared too.
#include "kernels/base/program_path.h"
#include "kernels/forwarding_backend.h"
#include "optim/optimizer.h"
#include "tests/model/tiny_model.h"

namespace encore::test {
namespace {

constexpr int kSteps = 5;

struct Trained {
  int64_t calls = 0;           // of linear_forward in this step
  std::vector<double> losses;  // nats a target, of each step
  Gradients first;             // of the first step, before which the weights are the same everywhere
};

std::vector<Example> forty_tokens(const EncoderConfig& c) {
  std::vector<Example> examples;
  for (const int length : {17, 1, 9, 11, 2}) examples.push_back(random_example(c, length, uint64_t(30 + length)));
  return examples;
}

Trained train(Backend& backend, DType dtype, bool dropout) {
  EncoderConfig config = tiny_config();
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

// Ragged batches that are padded to one shape and replayed have the losses and gradients that the CPU computes from the
// batches without padding. Eight steps: three rehearsals, one that is recorded, four replays.
std::vector<Trained> train_on_ragged(Backend& inner, DType dtype, bool dropout, bool recorded) {
  int64_t calls = 0;
  ForwardingBackend backend(inner, [&](const char* name, const ForwardingBackend::Call& call) {
    calls += std::string_view(name) == "linear_forward";
    call();
  });
  EncoderConfig config = tiny_config();
  if (!dropout) config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
  const auto model = make_mlm(config, backend, dtype, Mode::kTraining);
  scramble(model->params(), 1);
  const std::vector<std::vector<int>> lengths = {{17, 1, 9, 11, 2}, {33, 5}, {8, 8, 8, 8, 6}, {36}, {2, 30, 1, 1, 5},
                                                 {12, 12, 12},      {34},    {20, 19}};
  model->reserve({.tokens = 40, .sequences = 20, .targets = 40}, Mode::kTraining);
  backend.allow_capture(recorded);
  Optimizer optimizer(model->params(), {.weight_decay = 0.01, .clip = 1});
  std::vector<Trained> steps;
  for (size_t s = 0; s < lengths.size(); ++s) {
    std::vector<Example> examples;
    for (const int length : lengths[s]) examples.push_back(random_example(config, length, uint64_t(100 * s + length)));
    const PackedBatch batch = pack(config, examples, false);
    model->params().zero_gradients();
    model->forward_backward(batch, 1.0f / float(batch.targets()), 7);
    optimizer.measure();
    optimizer.update(1e-3, model->loss_sum());
    Trained step{.calls = std::exchange(calls, 0)};
    step.first = read_gradients(model->params());
    const LossTotals totals = model->take_totals();
    step.losses.push_back(totals.loss_sum / double(totals.targets));
    steps.push_back(std::move(step));
  }
  return steps;
}

TEST_P(SimtTraining, ReplayedStepsAgreeWithTheCpu) {
  const auto cpu = train_on_ragged(backend(), DType::kF32, GetParam(), false);
  const auto replayed = train_on_ragged(*simt_, DType::kF32, GetParam(), true);
  for (size_t s = 0; s < cpu.size(); ++s) {
    EXPECT_LE(distance_of(replayed[s].first, cpu[s].first), 2e-5 * norm(cpu[s].first)) << "step " << s;
    EXPECT_NEAR(replayed[s].losses[0], cpu[s].losses[0], 1e-4 * cpu[s].losses[0]) << "step " << s;
    EXPECT_EQ(replayed[s].calls > 0, s < 4) << "step " << s;
  }
  const auto called = train_on_ragged(*simt_, DType::kF32, GetParam(), false);
  for (size_t s = 0; s < cpu.size(); ++s) {
    EXPECT_LE(distance_of(called[s].first, replayed[s].first), 2e-5 * norm(cpu[s].first)) << "step " << s;
    EXPECT_GT(called[s].calls, 0) << "step " << s;
  }
}

TEST_P(SimtTraining, ReplayedStepsInHalfPrecisionAgreeWithTheCpu) {
  if (!backend().native_bf16()) GTEST_SKIP() << "skipped: no bf16 products on this processor";
  const auto exact = train_on_ragged(backend(), DType::kF32, GetParam(), false);
  const auto cpu = train_on_ragged(backend(), DType::kBF16, GetParam(), false);
  const auto replayed = train_on_ragged(*simt_, DType::kBF16, GetParam(), true);
  for (size_t s = 0; s < cpu.size(); ++s) {
    EXPECT_LE(distance_of(replayed[s].first, exact[s].first), 2 * distance_of(cpu[s].first, exact[s].first)) << s;
    EXPECT_NEAR(replayed[s].losses[0], cpu[s].losses[0], 4e-3 * cpu[s].losses[0]) << "step " << s;
  }
}

// Copies the gradients of both layers of a tiny model when it is called with the first layer's.
class TakesDown final : public GradientListener {
 public:
  explicit TakesDown(const ParamStore& params) : params_(params) {}
  bool wants(int64_t) const override { return ++asked_ % 2 == 0; }  // the first layer's, and with it the second's
  void final_from(int64_t from) override {
    from_ = from;
    taken_ = now();
  }
  std::vector<float> now() const {
    const Tensor all = params_.gradients().col_range(from_, params_.length() - from_);
    std::vector<float> values(size_t(all.cols));
    params_.backend().copy_to_host(values.data(), all.data, all.bytes());
    return values;
  }
  std::vector<float> taken() { return std::exchange(taken_, {}); }
  int64_t from() const { return from_; }

 private:
  const ParamStore& params_;
  mutable int asked_ = 0;
  int64_t from_ = 0;
  std::vector<float> taken_;
};

// Passes are recorded in parts, and the listener is called between two parts, when the gradients are final.
TEST_P(SimtTraining, AListenerIsCalledBetweenReplays) {
  EncoderConfig config = tiny_config();
  if (!GetParam()) config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
  const auto run = [&](bool listens) {
    int64_t calls = 0;
    ForwardingBackend counted(*simt_, [&](const char* name, const ForwardingBackend::Call& call) {
      calls += std::string_view(name) == "linear_forward";
      call();
    });
    counted.allow_capture(true);
    const auto model = make_mlm(config, counted, DType::kF32, Mode::kTraining);
    scramble(model->params(), 1);
    model->reserve({.tokens = 40, .sequences = 20, .targets = 40}, Mode::kTraining);
    TakesDown listener(model->params());
    if (listens) model->set_gradient_listener(&listener);
    for (int s = 0; s < 6; ++s) {
      const PackedBatch batch = pack(config, {random_example(config, 22 + s, 1), random_example(config, 9, 2)}, false);
      model->params().zero_gradients();
      calls = 0;
      model->forward_backward(batch, 0.1f, 7);
      EXPECT_EQ(calls > 0, s < 4) << "step " << s;
      if (!listens) continue;
      const std::vector<float> taken = listener.taken();
      EXPECT_GT(listener.from(), 0);
      ASSERT_GT(taken.size(), 0u) << "step " << s;
      EXPECT_TRUE(taken == listener.now()) << "step " << s << ": not final";
    }
  };
  run(true);
  run(false);
}

// A batch with more sequences than any shape is computed without padding, between replays.
TEST_P(SimtTraining, ABatchThatOverflowsIsComputedAsItIs) {
  EncoderConfig config = tiny_config();
  if (!GetParam()) config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
  const auto gradients = [&](Backend& backend, const std::vector<int>& lengths, int before) {
    backend.allow_capture(true);
    const auto model = make_mlm(config, backend, DType::kF32, Mode::kTraining);
    scramble(model->params(), 1);
    model->reserve({.tokens = 160, .sequences = 120, .targets = 160}, Mode::kTraining);
    const auto batch_of = [&](const std::vector<int>& all) {
      std::vector<Example> examples;
      for (size_t i = 0; i < all.size(); ++i) examples.push_back(random_example(config, all[i], 50 + i));
      return pack(config, examples, false);
    };
    for (int i = 0; i < before; ++i) model->forward_backward(batch_of({30, 30, 30, 30, 25}), 0.1f, 7);
    model->params().zero_gradients();
    model->forward_backward(batch_of(lengths), 0.1f, 7);
    return read_gradients(model->params());
  };
  const std::vector<int> many(110, 1), full{30, 30, 30, 30, 25};
  for (const auto& lengths : {many, full}) {
    const Gradients cpu = gradients(backend(), lengths, 0), simt = gradients(*simt_, lengths, 5);
    EXPECT_LE(distance_of(simt, cpu), 2e-5 * norm(cpu)) << lengths.size() << " sequences";
  }
}

INSTANTIATE_TEST_SUITE_P(Dropout, SimtTraining, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "On" : "Off"; });

}  // namespace
}  // namespace encore::test
