// Plans the memory of dapt_train and tapt_train, and refuses a plan that does not fit before anything is allocated.
#pragma once

#include "train/device.h"
#include "train/memory_plan.h"
#include "train/run_data.h"
#include "train/text_batches.h"

namespace encore {

struct RunMemory {
  BatchCapacity capacity;
  MemoryPlan plan;
};
// keeps_best: as in PlannedRun. Throws Error in one line when the plan does not fit (train/memory_limit.h). Every rank
// calls it.
RunMemory plan_memory(const EncoderConfig&, const std::string& model_dir, const Device&, const RunData&,
                      const TextBatchOptions&, std::shared_ptr<const Objective>, DType reduce_dtype, bool keeps_best,
                      Communicator&);

}  // namespace encore
