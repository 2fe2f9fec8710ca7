// Plans the memory of finetune and predict, and refuses a plan that does not fit before anything is allocated.
#pragma once

#include "train/device.h"
#include "train/finetuning.h"
#include "train/memory_plan.h"
#include "train/row_blocks.h"

namespace encore {

struct ClassifierMemory {
  BatchCapacity capacity;
  MemoryPlan plan;
};

// Finds the largest micro-batch by walking all seeds and epochs; for a very long run it takes the bound that the flags
// give. Throws Error in one line when the plan does not fit (train/memory_limit.h). Every rank calls it.
ClassifierMemory plan_finetune(const FinetuneSpec&, const Device&, const LabelledData&, Communicator&);
// Of rows in one block the largest batch counts; of more, which are not read yet, a full one.
ClassifierMemory plan_predict(const EncoderConfig&, const std::string& model_dir, const Device&, const RowBlocks&,
                              int64_t tokens_per_batch);

}  // namespace encore
