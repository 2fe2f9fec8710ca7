// The step engine: runs optimiser steps over the micro-batches of a BatchSource. It knows nothing of files, terminals
// or signals.
//
// A step is a pure function of (weights, moments, step number): the micro-batches, their masks and their dropout follow
// from the seed, so ranks, micro-batches and resuming change only the order of floating-point sums.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "optim/communicator.h"
#include "optim/gradient_reducer.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "train/batch_source.h"
#include "train/nonfinite.h"
#include "train/reservation.h"
#include "train/step_sums.h"

namespace encore {

struct StepOptions {
  uint64_t seed = 0;  // of dropout
  double warmup_ratio = 0;
  double decay_ratio = 0;  // wsd: share of the steps in which the learning rate falls; 0: a tenth
  Schedule schedule;       // the trainer fills in total_steps, warmup_steps and decay_steps
  AdamWOptions adamw;
  OnNonFinite on_nonfinite = OnNonFinite::kStop;
  DType reduce_dtype = DType::kF32;  // of gradients sent between GPUs
};

struct StepResult {
  int64_t step = 0;       // 1 after the first step
  double epoch = 0;       // passes over the data so far
  double loss_sum = 0;    // nats, over all targets of the step on all ranks
  double loss = 0;        // nats a target: loss_sum / BatchSource::loss_divisor
  double lr = 0;          // of this update
  double grad_norm = 0;   // before clipping
  int64_t tokens = 0;     // of all ranks, with <s> and </s>
  int64_t targets = 0;    // labelled items (PackedBatch::labelled) of all ranks
  int64_t correct = 0;    // targets whose largest logit is the label
  double flops = 0;       // of all ranks (model/model.h, training_flops)
  double idle = 0;        // seconds for which this rank's device was idle before the step (works_ahead())
  int micro_batches = 0;  // of this rank
  std::string skipped;    // why the update was left out; empty: it was applied
};

class Trainer {
 public:
  // REQUIRES: reservation made with Mode::kTraining; the source outlives the trainer. All ranks hold the same weights
  // and pass the same source and options.
  Trainer(Reservation&, const BatchSource&, Communicator&, const StepOptions&);

  int64_t steps() const { return source_.steps(); }
  int64_t step() const { return optimizer_.steps() + skipped_; }  // done so far, skipped ones included
  double epoch() const;
  bool done() const { return step() >= steps(); }
  Optimizer& optimizer() { return optimizer_; }
  const Schedule& schedule() const { return options_.schedule; }

  int64_t skipped() const { return skipped_; }
  int64_t skipped_in_row() const { return skipped_in_row_; }
  // Restores the counters of a resumed run.
  void set_skipped(int64_t all, int64_t in_row);

  // Runs the next step. When the loss or the gradient is not finite, weights and moments stay as before the step, on
  // every rank: kStop throws NonFiniteError naming the step, the tensor and the members of the batch; kSkip counts the
  // step as done without an update, and throws at the third in a row.
  StepResult run_step();
  // Whether run_step() launches the next step before it returns this one's result. The last result then comes at once.
  bool works_ahead() const;

 private:
  // A launched step: its gradients are being computed or done, its update is not yet applied.
  struct UnderWay {
    StepResult result;                 // without the sums
    int place = 0;                     // of the sums (step_sums.h)
    std::unique_ptr<Event> free, fed;  // after the work before the step; before the step's first work
  };
  StepResult run_and_wait();
  StepResult run_ahead();
  UnderWay launch();
  std::vector<PackedBatch> next_batches() const;
  StepResult start(const std::vector<PackedBatch>&);  // counts, and the gradients of all ranks; loss in model_'s totals
  void accumulate(const std::vector<PackedBatch>&, float grad_scale);
  StepResult compute(const std::vector<PackedBatch>&);  // loss and gradients of all ranks; no update
  std::string fault(const StepResult&) const;           // of the present loss and gradients; empty: none
  StepResult skip(StepResult, const std::string& why);

  Reservation& reservation_;
  Model& model_;
  const BatchSource& source_;
  Communicator& comm_;
  StepOptions options_;
  Optimizer optimizer_;
  int64_t skipped_ = 0, skipped_in_row_ = 0;
  GradientReducer reducer_;
  std::unique_ptr<StepSums> sums_;  // on devices
  std::optional<UnderWay> under_way_;
};

}  // namespace encore
