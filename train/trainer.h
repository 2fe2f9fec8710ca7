// Optimiser steps over a corpus: what is computed, and nothing about files, screens or signals.
//
// A step is a pure function of (weights, moments, step number): the examples, their masks and their dropout follow from
// the seed, so ranks, micro-batches and resuming do not change it beyond the order of floating-point sums.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "data/sequences/batching.h"
#include "optim/communicator.h"
#include "optim/gradient_reducer.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "train/nonfinite.h"
#include "train/reservation.h"
#include "train/step_sums.h"

namespace encore {

struct StepOptions {
  int64_t batch_sequences = 32;     // examples of one optimiser step, over all ranks
  int64_t tokens_per_batch = 4096;  // largest micro-batch of one rank
  int64_t total_examples = 0;       // of the whole run
  uint64_t seed = 0;
  double warmup_ratio = 0;
  Schedule schedule;  // total_steps and warmup_steps are filled in by the trainer
  AdamWOptions adamw;
  OnNonFinite on_nonfinite = OnNonFinite::kStop;
  DType reduce_dtype = DType::kF32;  // in which gradients travel between GPUs
};

struct StepResult {
  int64_t step = 0;       // 1 after the first step
  double epoch = 0;       // passes over the corpus so far
  double loss = 0;        // nats a target: sum over all targets of the step / their number
  double lr = 0;          // of this update
  double grad_norm = 0;   // before clipping
  int64_t tokens = 0;     // of all ranks, with <s> and </s>
  int64_t targets = 0;    // of all ranks
  int64_t correct = 0;    // targets whose largest logit is the label
  double flops = 0;       // of all ranks (model/model.h, training_flops)
  double idle = 0;        // seconds for which this rank's device, working ahead, had nothing to do before the step
  int micro_batches = 0;  // of this rank
  std::string skipped;    // why the update was left out; empty: it was made
};

class Trainer {
 public:
  // REQUIRES: reservation made with Mode::kTraining. All ranks hold the same weights and pass the same options.
  // Throws Error when the values cannot hold together: fewer examples a step than ranks, an example longer than
  // tokens_per_batch.
  Trainer(Reservation&, std::shared_ptr<const SequenceSet>, std::shared_ptr<const Objective>, Communicator&,
          const StepOptions&);

  int64_t steps() const { return order_.steps(); }
  int64_t step() const { return optimizer_.steps() + skipped_; }  // done so far, with those left out
  double epoch() const;
  bool done() const { return step() >= steps(); }
  Optimizer& optimizer() { return optimizer_; }
  const Schedule& schedule() const { return options_.schedule; }

  int64_t skipped() const { return skipped_; }
  int64_t skipped_in_row() const { return skipped_in_row_; }
  // Of a run that goes on.
  void set_skipped(int64_t all, int64_t in_row);

  // The next step of the run. When the loss or the gradient is not finite, weights and moments stay those before the
  // step, and every rank does the same: kStop throws NonFiniteError naming the step, the tensor and the documents of
  // the batch; kSkip counts the step as done without an update, and throws at the third in a row.
  StepResult run_step();
  // Does run_step() prepare the next step before it returns this one's result? Then the last result comes at once.
  bool works_ahead() const;
  // One optimiser step over given micro-batches of this rank. Throws NonFiniteError without the documents.
  StepResult train_on(const std::vector<PackedBatch>&);

 private:
  // A step whose gradients the device computes, or has computed; its update is not made.
  struct UnderWay {
    StepResult result;                 // without the sums
    int place = 0;                     // of the sums (step_sums.h)
    std::unique_ptr<Event> free, fed;  // the device has done what came before; the step's first work is there
  };
  StepResult run_and_wait();
  StepResult run_ahead();
  UnderWay launch();
  std::vector<PackedBatch> batches_of_step() const;
  StepResult start(const std::vector<PackedBatch>&);  // counts, and the gradients of all ranks; loss in model_'s totals
  void accumulate(const std::vector<PackedBatch>&, float grad_scale);
  StepResult compute(const std::vector<PackedBatch>&);  // loss and gradients of all ranks; no update
  std::string fault(const StepResult&) const;           // of the loss and the gradients as they stand; empty: none
  StepResult skip(StepResult, const std::string& why);
  std::string documents_of_step() const;  // of all ranks

  Reservation& reservation_;
  Model& model_;
  std::shared_ptr<const SequenceSet> set_;
  std::shared_ptr<const Objective> objective_;
  Communicator& comm_;
  StepOptions options_;
  StepOrder order_;
  Optimizer optimizer_;
  int64_t skipped_ = 0, skipped_in_row_ = 0;
  GradientReducer reducer_;
  std::unique_ptr<StepSums> sums_;  // on devices
  std::optional<UnderWay> under_way_;
};

}  // namespace encore
