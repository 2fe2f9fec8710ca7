// The memory of a run of dapt_train or tapt_train, worked out and compared with what there is before it is allocated.
#pragma once

#include "train/device.h"
#include "train/memory_plan.h"
#include "train/run_data.h"

namespace encore {

// The largest things that the steps of a run ask of one rank.
struct LargestStep {
  int64_t tokens = 0;         // of a micro-batch
  int64_t step_tokens = 0;    // of all micro-batches of a step
  int64_t micro_batches = 1;  // of a step
};
// Walks the order of the whole run, over all ranks; where that is longer than a few million examples, what the flags
// allow. Short texts fill less than --tokens-per-batch, and no memory is set aside for tokens that never come.
LargestStep largest_step(const SequenceSet&, const StepOptions&, int ranks);

struct RunMemory {
  BatchCapacity capacity;
  MemoryPlan plan;
};
// Throws Error in one line when the plan does not fit (train/memory_limit.h). Every rank calls it.
RunMemory plan_memory(const EncoderConfig&, const std::string& model_dir, const Device&, const RunData&,
                      const StepOptions&, const Objective&, Communicator&);

}  // namespace encore
