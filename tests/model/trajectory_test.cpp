// Twenty AdamW steps against a recording: two micro-batches per step, clipping, weight decay, a linear schedule.
#include "model/checkpoint.h"
#include "optim/optimizer.h"
#include "tests/model/golden_rule.h"
#include "tests/model/tiny_model.h"

namespace encore::test {
namespace {

TEST(Trajectory, TwentyAdamWSteps) {
  const std::string root = ENCORE_SOURCE_DIR "/tests/golden";
  const nlohmann::json recorded = read_json(root + "/adamw-d32/trajectory.json");
  EncoderConfig config = load_config(root + "/mlm-d32/model");
  config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
  const auto model = make_mlm(config, backend(), DType::kF32, Mode::kTraining);
  load_weights(root + "/mlm-d32/model", model->params(), config, 0);
  model->reserve({.tokens = 200, .sequences = 3, .targets = 100}, Mode::kTraining);

  const auto& o = recorded.at("optimizer");
  Optimizer optimizer(model->params(), {.beta1 = o.at("beta1"),
                                        .beta2 = o.at("beta2"),
                                        .eps = o.at("eps"),
                                        .weight_decay = o.at("weight_decay"),
                                        .clip = o.at("clip")});
  for (size_t s = 0; s < recorded.at("steps").size(); ++s) {
    const auto& want = recorded["steps"][s];
    const double targets = want.at("targets");
    model->params().zero_gradients();
    for (const auto& micro : recorded.at("batches")[s])
      model->forward_backward(recorded_batch(micro), float(1 / targets), 1);
    const LossTotals totals = model->take_totals();
    EXPECT_EQ(totals.targets, int64_t(targets));
    const double loss = want.at("loss"), norm = want.at("grad_norm");
    EXPECT_NEAR(totals.loss_sum / targets, loss, 1e-5 * loss) << "step " << s;
    const double got = optimizer.gradient_norm();
    EXPECT_NEAR(got, norm, 1e-4 * norm) << "step " << s;
    optimizer.step(want.at("lr"), got);
  }

  const Tensors final_weights = read_tensors(root + "/adamw-d32/final.safetensors");
  for (size_t i = 0; i < model->params().parameters().size(); ++i) {
    const std::string& name = model->params().parameters()[i].name;
    const std::vector<float>& want = final_weights.at(name);
    EXPECT_LE(distance(model->params().read(int(i)), want), (name.ends_with("key.bias") ? 1e-3 : 1e-5) * norm(want))
        << name;
  }
  std::vector<float> padded(size_t(model->params().weight(0).size()));
  backend().copy_to_host(padded.data(), model->params().weight(0).data, padded.size() * sizeof(float));
  for (size_t i = size_t(model->params().parameters()[0].size()); i < padded.size(); ++i) EXPECT_EQ(padded[i], 0);
}

}  // namespace
}  // namespace encore::test
