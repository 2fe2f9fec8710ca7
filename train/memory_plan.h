// What a run will occupy, region by region, before it occupies it.
#pragma once

#include "train/trainer.h"

namespace encore {

// The largest things that the steps of a run ask of one rank.
struct LargestStep {
  int64_t tokens = 0;         // of a micro-batch
  int64_t step_tokens = 0;    // of all micro-batches of a step
  int64_t micro_batches = 1;  // of a step
  int64_t batches = 0;        // micro-batches of all steps of rank 0
};
// Walks the steps of the whole run, over all ranks. Short texts fill less than a micro-batch may hold, and no memory is
// set aside for tokens that never come.
LargestStep largest_step(const BatchSource&, int ranks);

struct PlannedRun {
  BatchCapacity capacity;
  int64_t steps = 0;  // updates of the weights
  LargestStep largest;
  DType reduce_dtype = DType::kF32;
  int64_t eval_tokens = 0;  // of one evaluation
  int ranks = 1;
  size_t before = 0;  // anonymous memory of the process before the model was made
};

// The largest parameter as fp32 on the host: what reading and writing model files takes for a moment.
size_t largest_tensor_bytes(const ParamStore&);
size_t packed_bytes(const ParamStore&);                  // the matrices, packed one way
size_t kernel_bytes(int64_t batches);                    // made for the shapes of this many micro-batches
size_t host_batch_bytes(int64_t tokens);                 // of PackedBatch
size_t product_workspace(const Model&, int64_t tokens);  // of the widest bf16 product
// What a backend needs beside the tensors: on the host packed weights (so many layouts) and kernels for so many
// micro-batches, on a device the rooms of its kernels.
void add_backend_regions(MemoryPlan&, const Model&, const Backend&, int layouts, int64_t batches, int64_t tokens);
// The same, a batch on the host, and `before`: what the program held until then.
void add_workspace(MemoryPlan&, const Model&, int layouts, int64_t batches, int64_t tokens, size_t before);
uint64_t weight_file_bytes(const std::string& model_dir);  // mapped while weights are read

// The model's regions and those of the run around it. Two are estimates, measured with oneDNN 2.6.3: the packed copies
// of weights that serve several micro-batches, and the kernels made for each new shape.
MemoryPlan plan_run(const Model&, const PlannedRun&);

// The table that is printed.
std::string to_text(const MemoryPlan&);

}  // namespace encore
