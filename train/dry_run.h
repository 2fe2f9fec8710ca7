// --dry-run: how long a run will take, by a few of its own steps. Nothing is kept of them.
#pragma once

#include <string>
#include <vector>

#include "data/sequences/objective.h"
#include "train/run_data.h"
#include "train/text_batches.h"
#include "train/trainer.h"
#include "train/training_run.h"

namespace encore {

// What was measured, and what a run consists of.
struct Rehearsal {
  double first_step = 0;        // seconds of the step before the measured ones, which makes its kernels; 0: none
  std::vector<double> steps;    // seconds of each measured step
  int64_t measured_tokens = 0;  // of these, all ranks
  int64_t run_steps = 0;
  double run_tokens = 0;                     // of the whole run
  double first_eval = 0, repeated_eval = 0;  // seconds of the first evaluation and of any later one
  int64_t evaluations = 0;
  double state_bytes = 0, model_bytes = 0;  // of one state; of model/best or model/last
  double write_rate = 0;                    // bytes a second to the disk; 0: not known
};

struct RunEstimate {
  double steps = 0, evaluations = 0, saving = 0;  // seconds
  double saving_bytes = 0;                        // at most: each evaluation is taken to find a new best
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
  std::string output;  // where the run would write; a fresh folder of runs/ when empty
};

// Measures and prints; all ranks call it together. The trainer and its model are of no use afterwards.
void dry_run(const DryRun&);

}  // namespace encore
