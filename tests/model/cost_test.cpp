// The operations that the ops of a step count add up to the operations that the model counts for the step.
#include <map>

#include "kernels/forwarding_backend.h"
#include "tests/model/tiny_model.h"

namespace encore::test {
namespace {

TEST(CostTest, AStepsProductsAndAttentionAreTheModelsFlops) {
  std::map<std::string, double> flops;
  const ForwardingBackend* self = nullptr;
  ForwardingBackend counting(backend(), [&](const char* name, const auto& call) {
    flops[name] += self->cost().flops;
    call();
  });
  self = &counting;
  EncoderConfig config = tiny_config();
  config.vocab_size = 128;  // no padding behind the vocabulary
  const auto model = make_mlm(config, counting, DType::kF32, Mode::kTraining);
  scramble(model->params(), 1);
  const PackedBatch batch = pack(config, tiny_examples(config), false);
  model->reserve(capacity_of(batch), Mode::kTraining);
  model->forward_backward(batch, 1, 7);

  // training_flops() counts a backward pass as twice the forward pass. That of attention computes the scores again: 10
  // products instead of 8.
  EXPECT_DOUBLE_EQ(flops["attention_backward"], 2.5 * flops["attention_forward"]);
  const double products = flops["linear_forward"] + flops["linear_backward_input"] + flops["linear_backward_weight"];
  EXPECT_DOUBLE_EQ(products + 3 * flops["attention_forward"], training_flops(config, batch));
}

}  // namespace
}  // namespace encore::test
