// The training step: its result must not depend on how it is cut into micro-batches, and must match PyTorch's.
#include <cmath>
#include <nlohmann/json.hpp>

#include "model/safetensors.h"
#include "tests/train/trainer_rig.h"

namespace encore::test {
namespace {

TEST(Trainer, LossFallsOnATinyCorpus) {
  Rig rig(1024, 60);
  double first = 0, last = 0;
  for (int s = 0; s < 60; ++s) {
    const StepResult r = rig.trainer->run_step();
    EXPECT_EQ(r.step, s + 1);
    EXPECT_GT(r.targets, 0);
    EXPECT_GT(r.flops, 0);
    (s < 10 ? first : last) = r.loss;
  }
  EXPECT_TRUE(rig.trainer->done());
  EXPECT_LT(last, first - 1.0);
}

// Micro-batches of 64 tokens and a single one of 1024 give the same step, dropout and masks included.
TEST(Trainer, MicroBatchesDoNotChangeTheStep) {
  Rig small(64, 5), large(1024, 5);
  const std::vector<float> before = large.weights();
  for (int s = 0; s < 5; ++s) {
    const StepResult a = small.trainer->run_step(), b = large.trainer->run_step();
    EXPECT_GE(a.micro_batches, 4);
    EXPECT_EQ(b.micro_batches, 1);
    EXPECT_EQ(a.tokens, b.tokens);
    EXPECT_EQ(a.targets, b.targets);
    EXPECT_NEAR(a.loss, b.loss, 2e-6 * b.loss);
    EXPECT_NEAR(a.grad_norm, b.grad_norm, 2e-5 * b.grad_norm);
  }
  EXPECT_GT(relative_distance(before, large.weights()), 1e-3) << "the steps did nothing";
  EXPECT_LT(relative_distance(small.weights(), large.weights()), 1e-5);
}

TEST(Trainer, DropoutIsOnWhileTraining) {
  Rig with(1024, 1), without(1024, 1, DType::kF32, 0.0f);
  EXPECT_GT(std::abs(with.trainer->run_step().loss - without.trainer->run_step().loss), 1e-6);
}

TEST(Trainer, EvaluationDoesNotDependOnTheBatch) {
  Rig rig(1024, 1);
  const auto fixed = make_masking({.seed = kEvalSeed}, rig.tokenizer);
  const EvalResult a = Evaluator(rig.data.train(), fixed, 64).run(*rig.reservation, *rig.processes, true);
  const EvalResult b = Evaluator(rig.data.train(), fixed, 1024).run(*rig.reservation, *rig.processes, true);
  EXPECT_EQ(a.targets, b.targets);
  EXPECT_EQ(a.documents, b.documents);
  EXPECT_NEAR(a.loss, b.loss, 2e-6 * b.loss);
  EXPECT_NEAR(a.document_loss, b.document_loss, 2e-6 * b.document_loss);
  EXPECT_NEAR(b.loss, std::log(double(rig.model->config().vocab_size)), 0.3) << "fresh weights guess";
  // Another seed gives other masks.
  const auto other = make_masking({.seed = kEvalSeed + 1}, rig.tokenizer);
  EXPECT_NE(Evaluator(rig.data.train(), other, 1024).run(*rig.reservation, *rig.processes).loss, b.loss);
}

// With more targets than planned, the memory grows and no target is lost.
TEST(Trainer, ABatchBeyondThePlanIsServed) {
  Rig planned(512, 2), tight(512, 2);
  tight.reservation.reset();
  tight.trainer.reset();
  tight.reservation.emplace(*tight.model, BatchCapacity{.tokens = 64, .sequences = 1, .targets = 1}, Mode::kTraining);
  tight.trainer.emplace(*tight.reservation, *tight.source, *tight.processes, step_options());
  for (int s = 0; s < 2; ++s) EXPECT_EQ(planned.trainer->run_step().loss, tight.trainer->run_step().loss);
}

TEST(Trainer, NotFiniteIsNamed) {
  Rig rig(1024, 3);
  rig.trainer->run_step();
  const int word = rig.model->params().find("roberta.embeddings.word_embeddings.weight");
  ASSERT_GE(word, 0);
  std::vector<float> values = rig.model->params().read(word);
  for (float& v : values) v = NAN;
  rig.model->params().write(word, values.data());
  rig.model->params().weights_changed();
  try {
    rig.trainer->run_step();
    FAIL() << "a loss of NaN was taken";
  } catch (const DeviceError& e) {
    EXPECT_NE(std::string(e.what()).find("step 2"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("documents"), std::string::npos) << e.what();
    EXPECT_EQ(e.exit_code(), 70);
  }
  EXPECT_EQ(rig.trainer->step(), 1);
}

TEST(Trainer, ValuesThatCannotHoldTogetherAreRefused) {
  Rig rig(1024, 1);
  const auto source = [&](const TextBatchOptions& options, int ranks) {
    return TextBatches(rig.data.train(), rig.objective, options, ranks);
  };
  EXPECT_THROW(source(batch_options(63, 1), 1), Error) << "no room for an example of 64 tokens";
  EXPECT_THROW(source(batch_options(1024, 1), 9), Error) << "eight examples for nine ranks";
  EXPECT_NO_THROW(source(batch_options(64, 1), 8));
}

// ---- PyTorch's trajectory ----

PackedBatch golden_batch(const nlohmann::json& j) {
  PackedBatch batch;
  batch.cu_seqlens.push_back(0);
  for (size_t s = 0; s < j["input_ids"].size(); ++s) {
    const auto& ids = j["input_ids"][s];
    const auto& labels = j["labels"][s];
    for (size_t i = 0; i < ids.size(); ++i) {
      if (labels[i].get<int>() != -100) {
        batch.target_rows.push_back(int32_t(batch.ids.size()));
        batch.target_labels.push_back(labels[i].get<int32_t>());
      }
      batch.ids.push_back(ids[i].get<int32_t>());
    }
    batch.cu_seqlens.push_back(int32_t(batch.ids.size()));
    batch.example_keys.push_back(s);
  }
  batch.finish();
  return batch;
}

// The recorded micro-batches.
class RecordedBatches final : public BatchSource {
 public:
  RecordedBatches(const nlohmann::json& batches, int64_t steps) : steps_(steps) {
    for (const auto& of_step : batches) {
      batches_.emplace_back();
      for (const auto& b : of_step) batches_.back().push_back(golden_batch(b));
    }
  }
  int64_t steps() const override { return steps_; }
  double epochs_after(int64_t) const override { return 0; }
  std::vector<PackedBatch> micro_batches(int64_t step, int, int) const override { return batches_.at(size_t(step)); }
  std::vector<int64_t> micro_batch_tokens(int64_t step, int, int) const override {
    std::vector<int64_t> lengths;
    for (const PackedBatch& b : batches_.at(size_t(step))) lengths.push_back(b.tokens());
    return lengths;
  }
  std::string members(int64_t) const override { return "recorded batches"; }

 private:
  int64_t steps_;
  std::vector<std::vector<PackedBatch>> batches_;
};

TEST(Trainer, FollowsPyTorchForTwentySteps) {
  const std::string dir = ENCORE_SOURCE_DIR "/tests/golden/adamw-d32";
  const std::string start = ENCORE_SOURCE_DIR "/tests/golden/mlm-d32/model";
  const auto trajectory = nlohmann::json::parse(read_text(dir + "/trajectory.json"));
  const auto& o = trajectory["optimizer"];
  const auto backend = make_backend("cpu", 2);
  const auto comm = make_communicator();
  EncoderConfig config = load_config(start);
  config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
  const auto model = make_mlm(config, *backend, DType::kF32, Mode::kTraining);
  load_weights(start, model->params(), config, 0);
  Reservation reservation(*model, {.tokens = 256, .sequences = 16, .targets = 64}, Mode::kTraining);
  const RecordedBatches source(trajectory["batches"], o["total_steps"]);
  StepOptions options;
  options.warmup_ratio = o["warmup_steps"].get<double>() / o["total_steps"].get<double>();
  options.schedule.lr = o["lr"];
  options.adamw = {
      .beta1 = o["beta1"], .beta2 = o["beta2"], .eps = o["eps"], .weight_decay = o["weight_decay"], .clip = o["clip"]};
  Trainer trainer(reservation, source, *comm, options);
  for (size_t s = 0; s < trajectory["steps"].size(); ++s) {
    const auto& expected = trajectory["steps"][s];
    const StepResult r = trainer.run_step();
    EXPECT_EQ(r.targets, expected["targets"].get<int64_t>());
    EXPECT_NEAR(r.lr, expected["lr"].get<double>(), 1e-12);
    EXPECT_NEAR(r.loss, expected["loss"].get<double>(), 1e-5 * expected["loss"].get<double>()) << "step " << s;
    EXPECT_NEAR(r.grad_norm, expected["grad_norm"].get<double>(), 1e-4 * expected["grad_norm"].get<double>());
  }
  const auto final_weights = open_safetensors_file(dir + "/final.safetensors");
  int compared = 0;
  for (const auto& [name, entry] : final_weights->tensors()) {
    const int index = model->params().find(name);
    if (index < 0) continue;
    const bool key_bias = name.ends_with("attention.self.key.bias");
    EXPECT_LT(relative_distance(model->params().read(index), to_f32(entry, name)), key_bias ? 1e-3 : 1e-5) << name;
    ++compared;
  }
  EXPECT_EQ(compared, int(model->params().parameters().size()));
}

}  // namespace
}  // namespace encore::test
