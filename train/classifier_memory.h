// The memory of finetune and predict, worked out and compared with what there is before it is allocated.
#pragma once

#include "train/device.h"
#include "train/finetuning.h"
#include "train/memory_plan.h"

namespace encore {

struct ClassifierMemory {
  BatchCapacity capacity;
  MemoryPlan plan;
};

// Walks the order of all seeds and epochs for the largest micro-batch; where that is very long, what the flags allow.
// Throws Error in one line when the plan does not fit (train/memory_limit.h).
// Every rank calls it.
ClassifierMemory plan_finetune(const FinetuneSpec&, const Device&, const LabelledData&, Communicator&);
ClassifierMemory plan_predict(const EncoderConfig&, const std::string& model_dir, const Device&,
                              const ClassificationSet&, int64_t tokens_per_batch);

}  // namespace encore
