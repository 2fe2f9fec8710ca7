// The flags of the learning rate's schedule and of AdamW, of programs that train.
#pragma once

#include "apps/program/cli.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

namespace encore {

// Headings of --help.
inline constexpr const char* kLearning = "How fast it learns";
inline constexpr const char* kFinePoints = "Fine points of the schedule and of AdamW";

// Declares --lr, --warmup-ratio and --schedule under kLearning, --end-lr, --power and --decay-ratio under kFinePoints.
void add_schedule_flags(Cli&, double default_lr);
// steps: of the whole run. total_steps and warmup_steps are left to the trainer. Throws Error when --end-lr is above
// --lr.
Schedule schedule_options(const Cli&, int64_t steps);

// Declares --weight-decay, --clip, --adam-beta1, --adam-beta2 and --adam-eps under kFinePoints.
void add_adamw_flags(Cli&, const AdamWOptions& defaults);
AdamWOptions adamw_options(const Cli&);

}  // namespace encore
