// What a fine-tuning writes to log.jsonl and TensorBoard.
#pragma once

#include <string>

#include "train/seed_run.h"
#include "train/step_log.h"
#include "train/trainer.h"

namespace encore {

// group: stands before the tags of TensorBoard, "seed 3/"; "" gives Trainer's own tags.
void log_step(StepLog&, const std::string& group, const StepResult&);
// seed: of the run whose epoch this is; step: its steps so far.
void log_epoch(StepLog&, const std::string& group, uint64_t seed, int64_t step, const SeedRun::Epoch&);

}  // namespace encore
