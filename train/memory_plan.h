// Plans the memory of a run, region by region, before anything is allocated.
#pragma once

#include <algorithm>
#include <unordered_set>

#include "train/trainer.h"

namespace encore {

// The largest sizes that one rank meets in the steps of a run.
struct LargestStep {
  int64_t tokens = 0;         // of a micro-batch
  int64_t step_tokens = 0;    // of all micro-batches of a step
  int64_t micro_batches = 1;  // of a step
  int64_t batches = 0;        // micro-batches of all steps of rank 0

  void add(int64_t micro_batch_tokens) {
    tokens = std::max(tokens, micro_batch_tokens);
    counts.insert(micro_batch_tokens);
  }
  // Different numbers of tokens in a micro-batch: each has kernels of its own. Any number may occur in a run that was
  // not walked.
  int64_t token_counts() const { return walked ? int64_t(counts.size()) : tokens; }
  bool walked = true;
  std::unordered_set<int64_t> counts;
};
// Walks all steps of the run on all ranks. Short texts fill only part of a micro-batch, and the plan holds no memory
// for tokens that never occur.
LargestStep largest_step(const BatchSource&, int ranks);

// Of oneDNN itself, threads, and the holes in the heap. Measured with glibc 2.36, large blocks mapped alone
// (apps/program/heap.h).
inline constexpr size_t kLibraryMemory = size_t(10) << 20;

struct PlannedRun {
  BatchCapacity capacity;
  int64_t steps = 0;  // updates of the weights
  LargestStep largest;
  DType reduce_dtype = DType::kF32;
  int64_t eval_tokens = 0;  // of one evaluation
  bool keeps_best = false;  // the weights of a best evaluation that could not be saved are kept and tried again
  int ranks = 1;
  size_t before = 0;  // anonymous memory of the process before the model was made
};

// The largest parameter as fp32 on the host, which reading and writing model files needs for a moment.
size_t largest_tensor_bytes(const ParamStore&);
size_t host_batch_bytes(int64_t tokens);  // of PackedBatch

// How a run uses its matrix products.
struct ProductUse {
  int layouts = 0;      // in which weights are kept packed: 0 if a weight serves one batch; 1; 2 with backward passes
  int64_t batches = 1;  // of the whole run
  int64_t token_counts = 1;  // different numbers of tokens among these batches
};
// Adds what the backend needs beside the tensors: on the host, packed weights, kernels and the largest product's
// workspace, as the backend says for the model's layers (Backend::linear_memory); on a device, its kernels' scratch.
void add_backend_regions(MemoryPlan&, const Model&, const BatchCapacity&, Mode, const ProductUse&);
// Adds the same, a batch on the host, and `before`, the program's memory until then.
void add_workspace(MemoryPlan&, const Model&, const BatchCapacity&, Mode, const ProductUse&, size_t before);
uint64_t weight_file_bytes(const std::string& model_dir);  // mapped while weights are read

// The model's regions and those of the run around it. One is an estimate: the kernels made for each new shape.
MemoryPlan plan_run(const Model&, const PlannedRun&);

// The table that programs print.
std::string to_text(const MemoryPlan&);

}  // namespace encore
