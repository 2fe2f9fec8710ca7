// The steps and epochs of a VAMPIRE run, apart from its files.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "model/vampire/vampire_model.h"
#include "optim/optimizer.h"
#include "train/state_file.h"
#include "train/vampire/topics.h"
#include "train/vampire/vampire_batches.h"
#include "train/vampire/vampire_training.h"

namespace encore {

// Means over documents, in nats: KL term without its weight, negative log likelihood.
struct VampireMeans {
  double kl = 0, nll = 0;
  int64_t documents = 0;
  double loss(double kl_weight) const { return kl_weight * kl + nll; }
};

// What a state holds beside weights, moments and running statistics.
struct VampireProgress {
  int64_t epochs = 0;                   // done and scored
  double kl = 0, nll = 0, seconds = 0;  // sums over the documents of the epoch under way
  int64_t best_epoch = 0;               // from 1; 0: none yet
  Topics best;                          // of that epoch
};
nlohmann::json to_json(const VampireProgress&);
// Throws DamagedState naming the file.
VampireProgress vampire_progress_from_json(const nlohmann::json&, const std::string& state_dir);

class VampireEpochs {
 public:
  // spec and text must outlive it. The model gets fresh weights and the background of the text.
  VampireEpochs(const VampireSpec&, const VampireText&, Backend&, int threads);

  // With the optimiser's moments and what is on the host.
  static MemoryPlan plan(const VampireSpec&, const VampireText&, Backend&, int64_t batch_documents, size_t before);

  VampireModel& model() { return model_; }
  const VampireModel& model() const { return model_; }
  Optimizer& optimizer() { return optimizer_; }
  VampireProgress& progress() { return progress_; }

  int64_t step() const { return optimizer_.steps(); }  // done
  int64_t steps_per_epoch() const { return batches_.per_epoch(); }
  int64_t step_in_epoch() const { return step() - progress_.epochs * steps_per_epoch(); }
  bool epoch_complete() const { return step_in_epoch() == steps_per_epoch(); }
  bool over() const;  // every epoch is done, or the patience is used up

  struct Step {
    VampireMeans means;
    double kl_weight = 0, loss = 0, grad_norm = 0;
  };
  // REQUIRES: !epoch_complete(). Throws NonFiniteError; the model is then of no use.
  Step run_step();

  struct Epoch {
    int64_t number = 0;  // from 1
    double kl_weight = 0, seconds = 0, eval_seconds = 0;
    VampireMeans train, dev;
    Topics topics;
    bool best = false;  // so far; the caller saves the model
  };
  // Scores the dev text. REQUIRES: epoch_complete().
  Epoch end_epoch();

  // The buffers of a state; load_state() fills them, and then loaded() must be called.
  StateBuffers buffers();
  void loaded();

 private:
  static VampireConfig config_of(const VampireSpec&, const VampireText&);
  static VampireCapacity capacity_of(const VampireSpec&, const VampireText&, int64_t batch_documents);
  [[noreturn]] void fail_nonfinite(const Step&) const;
  VampireMeans evaluate();

  const VampireSpec& spec_;
  const VampireText& text_;
  int threads_;
  VampireModel model_;
  Optimizer optimizer_;
  VampireBatches batches_;
  VampireProgress progress_;
  VampireBatch batch_;
  std::vector<float> running_mean_, running_variance_;  // copies for states
};

}  // namespace encore
