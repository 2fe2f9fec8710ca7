// --dry-run estimates the time of a run from a few of its own steps, whose results are discarded.
#pragma once

#include <string>
#include <vector>

#include "data/sequences/objective.h"
#include "train/run_data.h"
#include "train/text_batches.h"
#include "train/trainer.h"
#include "train/training_run.h"

namespace encore {

// The measurements, and the size of the run.
struct Rehearsal {
  double first_step = 0;        // seconds of the warm-up step, which makes the kernels; 0: none
  std::vector<double> steps;    // seconds of each measured step
  int64_t measured_tokens = 0;  // tokens of these steps, all ranks
  int64_t run_steps = 0;
  double run_tokens = 0;                     // of the whole run
  double first_eval = 0, repeated_eval = 0;  // seconds of the first evaluation and of any later one
  int64_t evaluations = 0;
  double state_bytes = 0, model_bytes = 0;  // of one state; of model/best or model/last
  double write_rate = 0;                    // bytes a second to the disk; 0: not known
};

struct RunEstimate {
  double steps = 0, evaluations = 0, saving = 0;  // seconds
  double saving_bytes = 0;                        // an upper bound: every evaluation finds a new best
  int64_t saves = 0;                              // states, each with model/last
  double total() const { return steps + evaluations + saving; }
};
RunEstimate estimate_run(const Rehearsal&, const RunOptions&);

struct DryRun {
  Trainer& trainer;
  Reservation& reservation;
  const RunData& data;
  std::shared_ptr<const Objective> eval_objective;
  Communicator& comm;
  const TextBatchOptions& batches;
  const RunOptions& options;
  std::string output;  // the run's output folder; empty: a fresh folder of runs/
};

// Measures and prints. Every rank calls it. The trainer and its model must not be used afterwards.
void dry_run(const DryRun&);

}  // namespace encore
