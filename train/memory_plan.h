// Plans the memory of a run, region by region, before anything is allocated.
#pragma once

#include "train/trainer.h"

namespace encore {

// The largest sizes that one rank meets in the steps of a run.
struct LargestStep {
  int64_t tokens = 0;         // of a micro-batch
  int64_t step_tokens = 0;    // of all micro-batches of a step
  int64_t micro_batches = 1;  // of a step
  int64_t batches = 0;        // micro-batches of all steps of rank 0
};
// Walks all steps of the run on all ranks. Short texts fill only part of a micro-batch, and the plan holds no memory
// for tokens that never occur.
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

// The largest parameter as fp32 on the host, which reading and writing model files needs for a moment.
size_t largest_tensor_bytes(const ParamStore&);
size_t packed_bytes(const ParamStore&);                  // the matrices, packed one way
size_t kernel_bytes(int64_t batches);                    // made for the shapes of this many micro-batches
size_t host_batch_bytes(int64_t tokens);                 // of PackedBatch
size_t product_workspace(const Model&, int64_t tokens);  // of the widest bf16 product
// Adds what a backend needs beside the tensors: on the host, packed weights in `layouts` layouts and the kernels made
// for `batches` micro-batches; on a device, the scratch memory of its kernels.
void add_backend_regions(MemoryPlan&, const Model&, const Backend&, int layouts, int64_t batches, int64_t tokens);
// Adds the same, a batch on the host, and `before`, the program's memory until then.
void add_workspace(MemoryPlan&, const Model&, int layouts, int64_t batches, int64_t tokens, size_t before);
uint64_t weight_file_bytes(const std::string& model_dir);  // mapped while weights are read

// The model's regions and those of the run around it. Two are estimates, measured with oneDNN 2.6.3: the packed copies
// of weights that serve several micro-batches, and the kernels made for each new shape.
MemoryPlan plan_run(const Model&, const PlannedRun&);

// The table that programs print.
std::string to_text(const MemoryPlan&);

}  // namespace encore
