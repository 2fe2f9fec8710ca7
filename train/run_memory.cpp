#include "train/run_memory.h"

#include <algorithm>

#include "train/memory_limit.h"
#include "train/memory_use.h"

namespace encore {
namespace {

constexpr int64_t kMostExamplesWalked = int64_t(2) << 20;  // examples: about a second

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

int64_t longest_example(const SequenceSet* set) {
  int64_t longest = 0;
  for (int64_t e = 0; set && e < set->examples(); ++e) longest = std::max(longest, set->example_tokens(e));
  return longest;
}

// Walks the whole run; for more than a few million examples takes the bound that the options give.
LargestStep largest_step(const RunData& data, const TextBatchOptions& options,
                         const std::shared_ptr<const Objective>& objective, int ranks) {
  if (options.total_examples <= kMostExamplesWalked)
    return largest_step(TextBatches(data.train, objective, options), ranks);
  const int64_t step_tokens = ceil_div(options.batch_sequences, ranks) * data.train->seq_length();
  return {.tokens = std::min(options.tokens_per_batch, step_tokens),
          .step_tokens = step_tokens,
          .micro_batches = ceil_div(step_tokens, options.tokens_per_batch),
          .walked = false};
}

}  // namespace

RunMemory plan_memory(const EncoderConfig& config, const std::string& model_dir, const Device& device,
                      const RunData& data, const TextBatchOptions& options, std::shared_ptr<const Objective> objective,
                      DType reduce_dtype, bool keeps_best, Communicator& comm) {
  const size_t before = memory_use().anonymous;
  const auto outline = outline_mlm(config, *device.backend, device.dtype, Mode::kTraining);
  const int64_t longest_eval = longest_example(data.eval.get());
  const auto plan = [&](int64_t tokens_per_batch) {
    TextBatchOptions tried = options;
    tried.tokens_per_batch = tokens_per_batch;
    const LargestStep largest = largest_step(data, tried, objective, comm.size());
    RunMemory memory;
    memory.capacity = plan_capacity(std::max(largest.tokens, longest_eval), *objective);
    memory.plan = plan_run(*outline, {.capacity = memory.capacity,
                                      .steps = ceil_div(options.total_examples, options.batch_sequences),
                                      .largest = largest,
                                      .reduce_dtype = reduce_dtype,
                                      .eval_tokens = data.eval_tokens,
                                      .keeps_best = keeps_best,
                                      .ranks = comm.size(),
                                      .before = before});
    return memory;
  };
  const MemoryRoom room = memory_room(comm.local_size(), device.threads, weight_file_bytes(model_dir));
  comm.barrier();  // no rank allocates before all have measured the room
  check_memory([&](int64_t tokens) { return plan(tokens).plan; }, options.tokens_per_batch, data.train->seq_length(),
               before, room, *device.backend);
  return plan(options.tokens_per_batch);
}

}  // namespace encore
