// A step whose loss or gradient is not finite: the message names its cause, and weights and moments stay as they were.
#include "train/nonfinite.h"

#include <cmath>

#include "tests/train/tiny_run.h"
#include "train/text_batches.h"

namespace encore::test {
namespace {

const TinyWorkplace& workplace() {
  static const TinyWorkplace place;
  return place;
}

constexpr const char* kPositions = "roberta.embeddings.position_embeddings.weight";

struct Rig {
  explicit Rig(OnNonFinite on_nonfinite)
      : tokenizer(Tokenizer::load(workplace().model())),
        backend(make_backend("cpu", 1)),
        comm(make_communicator()),
        data(Dataset::open(
            {.cache = {.corpus = {.files = {workplace().train()}}, .dir = workplace().cache(), .threads = 1},
             .layout = {.seq_length = 64}},
            tokenizer)) {
    const EncoderConfig config = load_config(workplace().model());
    model = make_mlm(config, *backend, DType::kF32, Mode::kTraining);
    load_weights(workplace().model(), model->params(), config, 0);
    const auto objective = make_masking({.seed = 5}, tokenizer);
    reservation.emplace(*model, plan_capacity(512, *objective), Mode::kTraining);
    source.emplace(data.train(), objective,
                   TextBatchOptions{.batch_sequences = 4, .tokens_per_batch = 512, .total_examples = 40, .seed = 5});
    trainer.emplace(*reservation, *source, *comm,
                    StepOptions{.seed = 5, .schedule = {.lr = 1e-3}, .on_nonfinite = on_nonfinite});
  }
  void poison(const std::string& name, float value) {
    const int index = model->params().find(name);
    std::vector<float> values = model->params().read(index);
    std::fill(values.begin(), values.end(), value);
    model->params().write(index, values.data());
    model->params().weights_changed();
  }
  std::vector<float> buffers() const {
    std::vector<float> all;
    for (const Tensor& t : {model->params().weights(), trainer->optimizer().m(), trainer->optimizer().v()}) {
      const size_t first = all.size();
      all.resize(first + size_t(t.cols));
      backend->copy_to_host(all.data() + first, t.data, t.bytes());
    }
    return all;
  }
  Tokenizer tokenizer;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Communicator> comm;
  Dataset data;
  std::unique_ptr<Model> model;
  std::optional<Reservation> reservation;
  std::optional<TextBatches> source;
  mutable std::optional<Trainer> trainer;
};

TEST(NonFinite, NamesTheGradientThatTheBackwardPassReachedFirst) {
  Rig rig(OnNonFinite::kStop);
  rig.trainer->run_step();
  EXPECT_EQ(nonfinite_tensor(rig.model->params()), "");
  const auto spoil = [&](const char* name) {
    const Tensor g = rig.model->params().gradient(rig.model->params().find(name));
    const float bad = INFINITY;
    rig.backend->copy_to_device(static_cast<float*>(g.data) + 1, &bad, sizeof bad);
  };
  spoil(kPositions);
  EXPECT_NE(nonfinite_tensor(rig.model->params()).find(kPositions), std::string::npos);
  spoil("roberta.encoder.layer.1.output.dense.weight");
  const std::string named = nonfinite_tensor(rig.model->params());
  EXPECT_NE(named.find("gradient of roberta.encoder.layer.1.output.dense.weight"), std::string::npos) << named;
  EXPECT_NE(named.find("2 of "), std::string::npos) << named;
  rig.poison("roberta.embeddings.LayerNorm.bias", NAN);
  EXPECT_NE(nonfinite_tensor(rig.model->params()).find("weight roberta.embeddings.LayerNorm.bias"), std::string::npos);
}

TEST(NonFinite, ASkippedStepLeavesWeightsAndMomentsAlone) {
  Rig rig(OnNonFinite::kSkip);
  rig.trainer->run_step();
  const std::vector<float> positions = rig.model->params().read(rig.model->params().find(kPositions));
  rig.poison(kPositions, NAN);
  const std::vector<float> before = rig.buffers();
  const StepResult skipped = rig.trainer->run_step();
  EXPECT_NE(skipped.skipped.find("step 2"), std::string::npos) << skipped.skipped;
  EXPECT_NE(skipped.skipped.find(kPositions), std::string::npos) << skipped.skipped;
  EXPECT_NE(skipped.skipped.find("documents of the batch: "), std::string::npos) << skipped.skipped;
  const std::vector<float> after = rig.buffers();
  EXPECT_EQ(std::memcmp(before.data(), after.data(), before.size() * sizeof(float)), 0);
  // The skipped step counts as done, but Adam has made one update, not two.
  EXPECT_EQ(rig.trainer->step(), 2);
  EXPECT_EQ(rig.trainer->optimizer().steps(), 1);
  EXPECT_EQ(rig.trainer->skipped(), 1);
  const double lr = rig.trainer->schedule().at(2);
  rig.model->params().write(rig.model->params().find(kPositions), positions.data());
  rig.model->params().weights_changed();
  const StepResult next = rig.trainer->run_step();
  EXPECT_EQ(next.step, 3);
  EXPECT_EQ(next.lr, lr);
  EXPECT_EQ(next.skipped, "");
  EXPECT_EQ(rig.trainer->skipped_in_row(), 0);
}

TEST(NonFinite, ThreeInARowStop) {
  Rig rig(OnNonFinite::kSkip);
  rig.poison(kPositions, INFINITY);
  rig.trainer->run_step();
  rig.trainer->run_step();
  try {
    rig.trainer->run_step();
    FAIL() << "a third step was left out";
  } catch (const NonFiniteError& e) {
    EXPECT_EQ(e.exit_code(), 70);
    EXPECT_NE(std::string(e.what()).find("3 steps in a row"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace encore::test
