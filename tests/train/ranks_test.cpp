// The gradient reducer, the evaluator and the order of examples with several ranks, as threads of one process so that
// the sanitizers see them. train_program_test.cpp runs ranks over MPI.
#include <cmath>

#include "tests/support/thread_ranks.h"
#include "tests/train/tiny_run.h"
#include "train/text_batches.h"
#include "train/trainer.h"

namespace encore::test {
namespace {

constexpr int kSteps = 3;

const TinyWorkplace& workplace() {
  static const TinyWorkplace place;
  return place;
}

// The result of one rank after the steps.
struct Seen {
  std::vector<StepResult> steps;
  EvalResult eval;
  std::vector<float> weights;
  int micro_batches = 0;
};

std::vector<Seen> train(int ranks) {
  const Tokenizer tokenizer = Tokenizer::load(workplace().model());
  const Dataset data =
      Dataset::open({.cache = {.corpus = {.files = {workplace().train()}}, .dir = workplace().cache(), .threads = 1},
                     .layout = {.seq_length = 64}},
                    tokenizer);
  const auto objective = make_masking({.seed = 11}, tokenizer), fixed = make_masking({.seed = kEvalSeed}, tokenizer);
  const EncoderConfig config = load_config(workplace().model());
  std::vector<Seen> seen(static_cast<size_t>(ranks));
  ThreadRanks(ranks).run([&](Communicator& comm) {
    Seen& mine = seen[size_t(comm.rank())];
    const std::unique_ptr<Backend> backend = make_backend("cpu", 1);
    const std::unique_ptr<Model> model = make_mlm(config, *backend, DType::kF32, Mode::kTraining);
    load_weights(workplace().model(), model->params(), config, 0);
    Reservation reservation(*model, plan_capacity(128, *objective), Mode::kTraining);
    const TextBatches source(
        data.train(), objective,
        {.batch_sequences = 10, .tokens_per_batch = 128, .total_examples = 10 * kSteps, .seed = 11}, comm.size());
    Trainer trainer(reservation, source, comm, {.seed = 11, .schedule = {.lr = 3e-3}, .adamw = {.weight_decay = 0.01}});
    for (int s = 0; s < kSteps; ++s) {
      mine.steps.push_back(trainer.run_step());
      mine.micro_batches += mine.steps.back().micro_batches;
    }
    mine.eval = Evaluator(data.train(), fixed, 128).run(reservation, comm);
    const Tensor weights = model->params().weights();
    mine.weights.resize(size_t(weights.cols));
    backend->copy_to_host(mine.weights.data(), weights.data, weights.bytes());
  });
  return seen;
}

TEST(Ranks, TakeTheStepsOfOne) {
  const Seen one = train(1)[0];
  for (const int ranks : {2, 3}) {
    const std::vector<Seen> seen = train(ranks);
    int micro_batches = 0;
    for (const Seen& rank : seen) {
      micro_batches += rank.micro_batches;
      EXPECT_LT(rank.micro_batches, one.micro_batches) << "the work is shared";
      EXPECT_EQ(rank.weights, seen[0].weights) << "to the bit";
      EXPECT_EQ(rank.eval.loss, seen[0].eval.loss);
      for (int s = 0; s < kSteps; ++s) {
        EXPECT_EQ(rank.steps[s].loss, seen[0].steps[s].loss);
        EXPECT_EQ(rank.steps[s].grad_norm, seen[0].steps[s].grad_norm);
        EXPECT_EQ(rank.steps[s].tokens, one.steps[s].tokens);
        EXPECT_EQ(rank.steps[s].targets, one.steps[s].targets);
        EXPECT_EQ(rank.steps[s].correct, one.steps[s].correct);
        EXPECT_NEAR(rank.steps[s].loss, one.steps[s].loss, 2e-6 * one.steps[s].loss);
        EXPECT_NEAR(rank.steps[s].grad_norm, one.steps[s].grad_norm, 2e-5 * one.steps[s].grad_norm);
      }
      EXPECT_EQ(rank.eval.targets, one.eval.targets);
      EXPECT_NEAR(rank.eval.loss, one.eval.loss, 2e-6 * one.eval.loss);
    }
    EXPECT_GE(micro_batches, one.micro_batches);
    for (size_t i = 0; i < one.weights.size(); ++i) ASSERT_NEAR(seen[0].weights[i], one.weights[i], 2e-4) << i;
  }
}

}  // namespace
}  // namespace encore::test
