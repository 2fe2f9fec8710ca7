// Training that launches a step ahead, on the host executor: after each step the caller sees the same values as with
// the CPU trainer, which does not work ahead. Streams run late here, so a missing wait fails the test.
#include <chrono>
#include <thread>

#include "kernels/base/program_path.h"
#include "tests/train/trainer_rig.h"

namespace encore::test {
namespace {

constexpr int64_t kTokens = 160, kWhole = 512;  // several micro-batches a step; one
constexpr const char* kPositions = "roberta.embeddings.position_embeddings.weight";

class AheadOfTheDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(std::string(ENCORE_BINARY_DIR) + "/lib/libencore_simt.so"))
      GTEST_SKIP() << "skipped: this build has no libencore_simt.so";
  }
};

// No call between the steps waits for the device; each step has one micro-batch, since the upload of a second would
// wait.
TEST_F(AheadOfTheDevice, EveryStepIsThatOfTheCpu) {
  constexpr int64_t kSteps = 6;  // passes and update are recorded at the fourth
  Rig cpu(kWhole, kSteps), simt(kWhole, kSteps, DType::kF32, -1, "simt");
  ASSERT_TRUE(simt.backend->asynchronous() && simt.backend->can_capture());
  int64_t of_two_passes = 0;
  while (!cpu.trainer->done()) {
    const StepResult expected = cpu.trainer->run_step(), result = simt.trainer->run_step();
    EXPECT_EQ(result.step, expected.step);
    EXPECT_EQ(result.lr, expected.lr);
    EXPECT_EQ(result.epoch, expected.epoch);
    EXPECT_EQ(result.tokens, expected.tokens);
    EXPECT_EQ(result.targets, expected.targets);
    EXPECT_EQ(result.flops, expected.flops);
    EXPECT_NEAR(result.loss, expected.loss, 1e-4 * expected.loss) << "step " << result.step;
    EXPECT_NEAR(result.grad_norm, expected.grad_norm, 1e-3 * expected.grad_norm) << "step " << result.step;
    EXPECT_EQ(result.micro_batches, 1);
    EXPECT_EQ(simt.trainer->step(), cpu.trainer->step());
    if (result.step == 1) of_two_passes = simt.products;
  }
  EXPECT_GT(of_two_passes, 0);
  EXPECT_EQ(simt.products, 2 * of_two_passes) << "three rehearsals and a recording, then replays";
  EXPECT_TRUE(simt.trainer->done());
  EXPECT_LT(relative_distance(simt.weights(), cpu.weights()), 1e-4);
}

// The device is idle while a batch is made, and only then: not during the other passes, nor between steps.
TEST_F(AheadOfTheDevice, IdleTimeIsThatOfMakingBatches) {
  Rig simt(kWhole, 4, DType::kF32, -1, "simt");
  const auto start = std::chrono::steady_clock::now();
  double idle = 0;
  while (!simt.trainer->done()) {
    const double of_step = simt.trainer->run_step().idle;
    EXPECT_GT(of_step, 0);
    idle += of_step;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_LT(idle, 0.1);
  EXPECT_LT(idle, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / 4);
}

// An evaluation between two steps neither counts nor disturbs the sums of the step that is under way.
TEST_F(AheadOfTheDevice, AnEvaluationBetweenStepsStandsAlone) {
  Rig cpu(kTokens, 3), simt(kTokens, 3, DType::kF32, -1, "simt");
  const auto evaluate = [](Rig& rig) {
    rig.model->evaluate(make_batch({{0, 0}, {0, 1}}, *rig.data.train(), *make_masking({.seed = 5}, rig.tokenizer)));
    return rig.model->take_totals();
  };
  while (!cpu.trainer->done()) {
    const StepResult expected = cpu.trainer->run_step(), result = simt.trainer->run_step();
    EXPECT_NEAR(result.loss, expected.loss, 1e-4 * expected.loss) << "step " << result.step;
    const LossTotals c = evaluate(cpu), s = evaluate(simt);
    EXPECT_GT(c.targets, 0);
    EXPECT_NEAR(s.loss_sum, c.loss_sum, 1e-4 * c.loss_sum);
    EXPECT_EQ(s.targets, c.targets);
    EXPECT_LT(relative_distance(simt.weights(), cpu.weights()), 1e-4) << "after step " << result.step;
  }
}

// The spoilt weight reaches only the passes that start after it, which belong to the step after the next call's.
TEST_F(AheadOfTheDevice, AStepThatIsNotFiniteIsTakenBack) {
  Rig rig(kTokens, 6, DType::kF32, -1, "simt");
  StepOptions options = step_options();
  options.on_nonfinite = OnNonFinite::kSkip;
  rig.trainer.emplace(*rig.reservation, *rig.source, *rig.processes, options);
  rig.trainer->run_step();
  ParamStore& params = rig.model->params();
  std::vector<float> positions = params.read(params.find(kPositions));
  const std::vector<float> whole = positions;
  for (size_t i = 3; i < positions.size(); i += 7) positions[i] = NAN;
  params.write(params.find(kPositions), positions.data());
  params.weights_changed();
  EXPECT_EQ(rig.trainer->run_step().skipped, "");
  const std::vector<float> before = rig.weights();
  const StepResult skipped = rig.trainer->run_step();
  EXPECT_NE(skipped.skipped.find("step 3"), std::string::npos) << skipped.skipped;
  EXPECT_NE(skipped.skipped.find(kPositions), std::string::npos) << skipped.skipped;
  EXPECT_NE(skipped.skipped.find("documents of the batch: "), std::string::npos) << skipped.skipped;
  const std::vector<float> after = rig.weights();
  EXPECT_EQ(std::memcmp(before.data(), after.data(), before.size() * sizeof(float)), 0);
  EXPECT_EQ(rig.trainer->step(), 3);
  EXPECT_EQ(rig.trainer->optimizer().steps(), 2);
  params.write(params.find(kPositions), whole.data());
  params.weights_changed();
  const StepResult next = rig.trainer->run_step();
  EXPECT_EQ(next.step, 4);
  EXPECT_EQ(next.lr, rig.trainer->schedule().at(3));
  EXPECT_EQ(next.skipped, "");
  EXPECT_TRUE(std::isfinite(next.loss));
}

}  // namespace
}  // namespace encore::test
