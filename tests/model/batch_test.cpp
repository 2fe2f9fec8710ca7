// Batches that do not fit the model or the planned memory are refused, and the message names what is wrong.
#include <functional>

#include "tests/model/tiny_model.h"

namespace encore::test {
namespace {

void expect_refused(const std::function<void()>& call, const std::string& part) {
  try {
    call();
    ADD_FAILURE() << "not refused: " << part;
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    EXPECT_EQ(e.exit_code(), 2);
  }
}

struct BatchRefusal : testing::Test {
  std::unique_ptr<Model> model = tiny_mlm();
  PackedBatch batch = pack(model->config(), tiny_examples(model->config()), false);

  void SetUp() override { model->reserve(capacity_of(batch), Mode::kTraining); }
  void refused(const std::string& part) {
    expect_refused([&] { model->forward_backward(batch, 1, 1); }, part);
  }
};

TEST_F(BatchRefusal, Accepted) {
  EXPECT_NO_THROW(model->forward_backward(batch, 1, 1));
}

TEST_F(BatchRefusal, Capacity) {
  const BatchCapacity full = capacity_of(batch);
  for (int64_t BatchCapacity::*field : {&BatchCapacity::tokens, &BatchCapacity::sequences, &BatchCapacity::targets}) {
    BatchCapacity small = full;
    --(small.*field);
    model->reserve(small, Mode::kTraining);
    refused("exceeds the memory planned");
  }
  expect_refused([&] { model->reserve({.tokens = 0, .sequences = 1, .targets = 1}, Mode::kTraining); },
                 "a capacity of 0 tokens");
}

TEST_F(BatchRefusal, ModeOfTheMemory) {
  model->reserve(capacity_of(batch), Mode::kInference);
  refused("planned for inference");
  const auto frozen = make_mlm(tiny_config(), backend(), DType::kF32, Mode::kInference);
  expect_refused([&] { frozen->reserve(capacity_of(batch), Mode::kTraining); }, "made for inference");
}

TEST_F(BatchRefusal, Ids) {
  batch.ids[3] = int32_t(model->config().vocab_size);
  refused("ids[3] is 83, not in 0 .. 82");
  batch.ids[3] = -1;
  refused("ids[3] is -1");
}

TEST_F(BatchRefusal, Types) {
  batch.type_ids[0] = 2;
  refused("type_ids[0] is 2, not in 0 .. 1");
  batch.type_ids.pop_back();
  refused("type_ids has");
}

TEST_F(BatchRefusal, Targets) {
  const PackedBatch good = batch;
  std::swap(batch.target_rows[0], batch.target_rows[1]);
  refused("target rows rise");
  batch = good;
  batch.target_labels[2] = 83;
  refused("target_labels[2] is 83");
  batch = good;
  batch.target_labels.pop_back();
  refused("target_labels has");
  batch = good;
  batch.target_rows.back() = int32_t(batch.tokens());
  refused("target_rows[");
}

TEST_F(BatchRefusal, Sequences) {
  const PackedBatch good = batch;
  batch.cu_seqlens[2] = batch.cu_seqlens[1];
  refused("sequence 1 has no token");
  batch = good;
  batch.cu_seqlens.back() += 1;
  refused("cu_seqlens must run from 0");
  batch = good;
  batch.example_keys.clear();
  refused("example_keys has 0 entries");
  batch = good;
  batch.row_sequence.clear();
  refused("PackedBatch::finish");
}

TEST_F(BatchRefusal, LongerThanThePositionTable) {
  const int longest = int(model->config().max_length());
  batch = pack(model->config(), {random_example(model->config(), longest, 1)}, false);
  model->reserve({.tokens = 100, .sequences = 5, .targets = 100}, Mode::kTraining);
  EXPECT_NO_THROW(model->forward_backward(batch, 1, 1));
  batch = pack(model->config(), {random_example(model->config(), longest + 1, 1)}, false);
  refused("has 39 tokens; this model serves at most 38");
}

TEST_F(BatchRefusal, ClassLabels) {
  const auto classifier = tiny_classifier();
  PackedBatch b = pack(model->config(), tiny_examples(model->config()), true);
  classifier->reserve(capacity_of(b), Mode::kTraining);
  EXPECT_NO_THROW(classifier->forward_backward(b, 1, 1));
  b.class_labels[1] = kTinyLabels;
  expect_refused([&] { classifier->forward_backward(b, 1, 1); }, "class_labels[1] is 5, not in -1 .. 4");
  b.class_labels.clear();
  expect_refused([&] { classifier->forward_backward(b, 1, 1); }, "class_labels has 0 entries, not 5");
  std::vector<float> logits;
  EXPECT_NO_THROW(classifier->logits(b, logits));
  EXPECT_EQ(int64_t(logits.size()), b.sequences() * kTinyLabels);
}

}  // namespace
}  // namespace encore::test
