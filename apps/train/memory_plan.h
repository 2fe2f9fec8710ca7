// What a run will occupy, region by region, before it occupies it.
#pragma once

#include "apps/train/trainer.h"

namespace encore {

struct PlannedRun {
  BatchCapacity capacity;
  StepOptions step;
  int64_t seq_length = 0;
  int64_t eval_tokens = 0;  // of one evaluation
  int ranks = 1;
  size_t before = 0;  // anonymous memory of the process before the model was made
};

// The model's regions and those of the run around it. Two are estimates, measured with oneDNN 2.6.3: the packed copies
// of weights that serve several micro-batches, and the kernels made for each new shape.
MemoryPlan plan_run(const Model&, const PlannedRun&);

// The table that is printed.
std::string to_text(const MemoryPlan&);

}  // namespace encore
