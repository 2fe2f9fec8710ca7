// The memory plan is exact, and the training loop allocates nothing.
#include "kernels/forwarding_backend.h"
#include "tests/model/tiny_model.h"

namespace encore::test {
namespace {

constexpr size_t kTotals = 32;  // the model's loss counters, which are not in the plan

class Memory : public testing::TestWithParam<std::tuple<bool, DType>> {
 protected:
  ForwardingBackend counting{backend(), [](const char*, const auto& call) { call(); }};
  bool classify = std::get<0>(GetParam());
  DType dtype = std::get<1>(GetParam());
  EncoderConfig config = tiny_config();

  std::unique_ptr<Model> make(Mode mode) {
    return classify ? make_classifier(config, kTinyLabels, counting, dtype, mode)
                    : make_mlm(config, counting, dtype, mode);
  }
};

TEST_P(Memory, PlanIsExact) {
  for (const Mode mode : {Mode::kTraining, Mode::kInference})
    for (const int64_t layers : {1, 3}) {
      config.num_hidden_layers = layers;
      const auto model = make(mode);
      for (const BatchCapacity c : {BatchCapacity{.tokens = 100, .sequences = 7, .targets = 30},
                                    BatchCapacity{.tokens = 1000, .sequences = 30, .targets = 900},
                                    BatchCapacity{.tokens = 10, .sequences = 1, .targets = 0}}) {
        const MemoryPlan plan = model->plan(c, dtype, mode);
        model->reserve(c, mode);
        EXPECT_EQ(counting.live_bytes(), plan.total() + kTotals);
      }
    }
  EXPECT_EQ(counting.live_bytes(), 0u);
}

TEST_P(Memory, AnOutlinePlansTheSameWithoutMemory) {
  const BatchCapacity capacity{.tokens = 100, .sequences = 7, .targets = 30};
  const auto outline = classify ? outline_classifier(config, kTinyLabels, counting, dtype, Mode::kTraining)
                                : outline_mlm(config, counting, dtype, Mode::kTraining);
  EXPECT_LE(counting.live_bytes(), kTotals);
  const MemoryPlan a = outline->plan(capacity, dtype, Mode::kTraining);
  const MemoryPlan b = make(Mode::kTraining)->plan(capacity, dtype, Mode::kTraining);
  ASSERT_EQ(a.regions.size(), b.regions.size());
  for (size_t i = 0; i < a.regions.size(); ++i) {
    EXPECT_EQ(a.regions[i].name, b.regions[i].name);
    EXPECT_EQ(a.regions[i].bytes, b.regions[i].bytes) << a.regions[i].name;
  }
}

TEST_P(Memory, NothingIsAllocatedInTheLoop) {
  const auto model = make(Mode::kTraining);
  scramble(model->params(), 1);
  auto examples = tiny_examples(config);
  const PackedBatch large = pack(config, examples, classify);
  examples.resize(2);
  const PackedBatch small = pack(config, examples, classify);
  model->reserve(capacity_of(large), Mode::kTraining);
  const int64_t before = counting.allocations();
  std::vector<float> values;
  for (const PackedBatch& batch : {large, small, large}) {
    model->forward_backward(batch, 1, 1);
    model->evaluate(batch);
    model->logits(batch, values);
    model->hidden_states(batch, values);
    model->take_totals();
  }
  EXPECT_EQ(counting.allocations(), before);
}

std::vector<DType> served() {
  return backend().native_bf16() ? std::vector{DType::kF32, DType::kBF16} : std::vector{DType::kF32};
}
INSTANTIATE_TEST_SUITE_P(Models, Memory, testing::Combine(testing::Bool(), testing::ValuesIn(served())),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param) ? "Classifier_" : "MaskedLm_") +
                                  std::string(name_of(std::get<1>(info.param)));
                         });

TEST(TrainingFlops, CountsWhatIsComputed) {
  EncoderConfig c = tiny_config();  // H 64, I 96, 2 layers, V 83
  PackedBatch b;
  b.ids = std::vector<int32_t>(8, 5);
  b.cu_seqlens = {0, 3, 8};
  b.target_rows = {1, 2, 7};
  b.target_labels = {5, 5, 5};
  b.finish();
  const double full = 2 * 8 * (4 * 64 * 64 + 2 * 64 * 96) + 4 * 64 * (3 * 3 + 5 * 5);
  const double last = 2 * 8 * 2 * 64 * 64 + 2 * 3 * (2 * 64 * 64 + 2 * 64 * 96) + 4 * 64 * (2 * 3 + 1 * 5);
  const double head = 2 * 3 * (64 * 64 + 64 * 83);
  EXPECT_DOUBLE_EQ(training_flops(c, b), 3 * (full + last + head));
}

}  // namespace
}  // namespace encore::test
