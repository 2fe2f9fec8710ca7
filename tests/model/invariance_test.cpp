// Results do not depend on rows that no head reads, on packing, on earlier contents of memory or on its size.
#include "model/encoder_model.h"
#include "model/mlm_head.h"
#include "tests/model/tiny_model.h"

namespace encore::test {
namespace {

std::unique_ptr<Model> make(bool classify) {
  return classify ? tiny_classifier() : tiny_mlm();
}

class Invariance : public testing::TestWithParam<bool> {};

TEST_P(Invariance, LastLayerComputesOnlyRowsThatAreRead) {
  const auto model = make(GetParam());
  const PackedBatch batch = pack(model->config(), tiny_examples(model->config()), GetParam());
  model->reserve(capacity_of(batch), Mode::kTraining);
  const Gradients subset = run_step(*model, batch);
  const LossTotals subset_totals = model->take_totals();
  dynamic_cast<EncoderModel&>(*model).compute_all_rows(true);
  const Gradients complete = run_step(*model, batch);
  const LossTotals totals = model->take_totals();
  expect_close(model->params(), subset, complete, 1e-5);
  EXPECT_NEAR(subset_totals.loss_sum, totals.loss_sum, 1e-6 * totals.loss_sum);
  EXPECT_EQ(subset_totals.correct, totals.correct);
  EXPECT_EQ(subset_totals.targets, GetParam() ? batch.sequences() : batch.targets());
}

TEST_P(Invariance, PackedBatchIsTheSumOfItsSequences) {
  const auto model = make(GetParam());
  const auto examples = tiny_examples(model->config());
  const PackedBatch packed = pack(model->config(), examples, GetParam());
  model->reserve(capacity_of(packed), Mode::kTraining);
  const Gradients together = run_step(*model, packed, 7, 0.25f);
  const LossTotals totals = model->take_totals();

  model->params().zero_gradients();
  for (size_t n = examples.size(); n-- > 0;)  // also in another order
    model->forward_backward(pack(model->config(), {examples[n]}, GetParam()), 0.25f, 7);
  expect_close(model->params(), read_gradients(model->params()), together, 1e-5);
  const LossTotals single = model->take_totals();
  EXPECT_NEAR(single.loss_sum, totals.loss_sum, 1e-6 * totals.loss_sum);
  EXPECT_EQ(single.targets, totals.targets);

  // Another seed has other dropout masks.
  const Gradients other = run_step(*model, packed, 8, 0.25f);
  EXPECT_GT(distance(other[0], together[0]), 1e-2 * norm(together[0]));
}

TEST_P(Invariance, NothingIsReadOfEarlierBatches) {
  const auto model = make(GetParam());
  const EncoderConfig& config = model->config();
  const auto examples = tiny_examples(config);
  const PackedBatch small = pack(config, {examples[2], examples[0]}, GetParam());
  const PackedBatch large = pack(config, examples, GetParam());
  model->reserve(capacity_of(small), Mode::kTraining);
  const Gradients fresh = run_step(*model, small);
  std::vector<float> fresh_logits, logits, hidden;
  model->logits(small, fresh_logits);

  BatchCapacity roomy = capacity_of(large);
  roomy.tokens += 100;
  roomy.sequences += 3;
  roomy.targets += 50;
  model->reserve(roomy, Mode::kTraining);
  run_step(*model, large);
  model->hidden_states(large, hidden);
  EXPECT_EQ(run_step(*model, small), fresh);
  model->evaluate(large);
  model->logits(small, logits);
  EXPECT_EQ(logits, fresh_logits);
  EXPECT_EQ(run_step(*model, small), fresh);
}

TEST_P(Invariance, EvaluateAgreesWithTrace) {
  const auto model = make(GetParam());
  const PackedBatch batch = pack(model->config(), tiny_examples(model->config()), GetParam());
  model->params().zero_gradients();
  std::vector<float> trace_logits, trace_hidden;
  double trace_loss = 0;
  model->trace(batch, [&](const std::string& name, std::vector<int64_t> shape, std::vector<float> values) {
    if (name == "logits") trace_logits = values;
    if (name == fmt::format("hidden.{}", model->config().num_hidden_layers)) trace_hidden = values;
    if (name == "loss") trace_loss = values.at(0);
  });
  EXPECT_EQ(model->take_totals().loss_sum, 0) << "trace leaves the totals alone";

  model->reserve(capacity_of(batch), Mode::kInference);
  std::vector<float> losses, logits, hidden;
  model->evaluate(batch, &losses);
  const LossTotals totals = model->take_totals();
  EXPECT_EQ(int64_t(losses.size()), totals.targets);
  EXPECT_NEAR(totals.loss_sum / double(totals.targets), trace_loss, 1e-5 * trace_loss);
  double sum = 0;
  for (const float x : losses) sum += x;
  EXPECT_NEAR(sum, totals.loss_sum, 1e-5 * sum);
  model->logits(batch, logits);
  EXPECT_LE(distance(logits, trace_logits), 1e-5 * norm(trace_logits));
  model->hidden_states(batch, hidden);
  EXPECT_LE(distance(hidden, trace_hidden), 1e-5 * norm(trace_hidden));
}

TEST_P(Invariance, PaddedParametersGetNoGradient) {
  const auto model = make(GetParam());
  const PackedBatch batch = pack(model->config(), tiny_examples(model->config()), GetParam());
  model->reserve(capacity_of(batch), Mode::kTraining);
  run_step(*model, batch);
  const ParamStore& params = model->params();
  std::vector<float> flat(size_t(params.length()));
  backend().copy_to_host(flat.data(), params.gradients().data, flat.size() * sizeof(float));
  std::vector<bool> owned(flat.size());
  for (const Parameter& p : params.parameters()) std::fill_n(owned.begin() + p.offset, p.size(), true);
  int64_t spare = 0;
  for (size_t i = 0; i < flat.size(); ++i)
    if (!owned[i]) {
      ++spare;
      EXPECT_EQ(flat[i], 0) << "element " << i;
    }
  EXPECT_GE(spare, (model->config().padded_vocab() - model->config().vocab_size) * model->config().hidden_size);
}

INSTANTIATE_TEST_SUITE_P(Models, Invariance, testing::Bool(),
                         [](const auto& info) { return info.param ? "Classifier" : "MaskedLm"; });

TEST(MaskedLm, TokenTypesPickTheirRow) {
  const auto model = tiny_mlm();
  ParamStore& params = model->params();
  PackedBatch batch = pack(model->config(), tiny_examples(model->config()), false);
  model->reserve(capacity_of(batch), Mode::kInference);
  std::vector<float> first, second, absent;
  batch.type_ids.assign(batch.ids.size(), 1);
  model->logits(batch, second);
  batch.type_ids.assign(batch.ids.size(), 0);
  model->logits(batch, first);
  batch.type_ids.clear();
  model->logits(batch, absent);
  EXPECT_EQ(absent, first);
  EXPECT_GT(distance(first, second), 1e-2 * norm(first));

  const int table = params.find("roberta.embeddings.token_type_embeddings.weight");
  std::vector<float> rows = params.read(table);
  std::rotate(rows.begin(), rows.begin() + model->config().hidden_size, rows.end());
  params.write(table, rows.data());
  params.weights_changed();
  model->logits(batch, absent);
  EXPECT_EQ(absent, second);
}

TEST(MaskedLm, ManyTargetsGoThroughTheHeadInBlocks) {
  EncoderConfig config = tiny_config();
  config.max_position_embeddings = 900;
  const auto model = tiny_mlm(config);
  std::vector<Example> examples;
  for (uint64_t i = 0; i < 3; ++i) examples.push_back(random_example(config, 800, i));
  for (Example& e : examples) {
    e.targets.resize(700);
    e.labels.assign(700, 5);
    for (int i = 0; i < 700; ++i) e.targets[size_t(i)] = i;
  }
  const PackedBatch packed = pack(config, examples, false);
  ASSERT_GT(packed.targets(), 2 * MlmHead::kBlockRows);
  model->reserve(capacity_of(packed), Mode::kTraining);
  const Gradients together = run_step(*model, packed);
  model->params().zero_gradients();
  for (const Example& e : examples) model->forward_backward(pack(config, {e}, false), 1, 7);
  expect_close(model->params(), read_gradients(model->params()), together, 2e-5);
}

TEST(MaskedLm, BatchWithoutTargetsDoesNothing) {
  const auto model = tiny_mlm();
  Example e = random_example(model->config(), 12, 1);
  e.targets.clear();
  e.labels.clear();
  const PackedBatch batch = pack(model->config(), {e}, false);
  model->reserve({.tokens = 20, .sequences = 2, .targets = 0}, Mode::kTraining);
  EXPECT_EQ(norm(run_step(*model, batch)), 0);
  std::vector<float> values(3);
  model->evaluate(batch, &values);
  EXPECT_TRUE(values.empty());
  model->logits(batch, values);
  EXPECT_TRUE(values.empty());
  model->hidden_states(batch, values);
  EXPECT_EQ(int64_t(values.size()), 12 * model->config().hidden_size);
  const LossTotals totals = model->take_totals();
  EXPECT_EQ(totals.loss_sum, 0);
  EXPECT_EQ(totals.targets, 0);
}

}  // namespace
}  // namespace encore::test
