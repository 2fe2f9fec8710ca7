// The flags of the learning rate's schedule and of AdamW, of programs that train.
#pragma once

#include "apps/program/cli.h"
#include "train/trainer.h"

namespace encore {

// Headings of --help.
inline constexpr const char* kLearning = "How fast it learns";
inline constexpr const char* kFinePoints = "Fine points of the schedule and of AdamW";

// Declares --lr, --warmup-ratio and --schedule under kLearning, --end-lr, --power and --decay-ratio under kFinePoints.
void add_schedule_flags(Cli&, double default_lr);

// Declares --weight-decay, --clip, --adam-beta1, --adam-beta2 and --adam-eps under kFinePoints.
void add_adamw_flags(Cli&, const AdamWOptions& defaults);
// The options from these flags and those of run_flags.h; the seed is --seed. Throws Error when --end-lr is above --lr.
StepOptions step_options(const Cli&);

}  // namespace encore
