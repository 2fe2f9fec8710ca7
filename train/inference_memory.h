// Plans the memory of programs that only run inference, and refuses a plan that does not fit before anything is
// allocated.
#pragma once

#include <functional>

#include "model/model.h"
#include "train/device.h"

namespace encore {

struct InferenceBatches {
  std::function<BatchCapacity(int64_t tokens)> capacity;  // of a batch of this many tokens
  int64_t tokens = 0;                                     // of the largest batch: --tokens-per-batch
  int64_t least = 0;                                      // the smallest --tokens-per-batch; 0: there is no such flag
  int64_t batches = 1;                                    // number of batches
  size_t host_bytes_per_token = 0;                        // of results that are copied to the host
  size_t reading_bytes = 0;                               // of rows that are read while the model runs
};

// The regions of the model and of the process around it. before: anonymous memory of the process so far.
MemoryPlan plan_inference(const Model& outline, const Device&, const BatchCapacity&, int64_t batches, size_t before);

// For a masked-LM model. Throws Error in one line when the plan does not fit (train/memory_limit.h).
void check_inference_memory(const EncoderConfig&, const std::string& model_dir, const Device&, const InferenceBatches&);

}  // namespace encore
