#include "train/run_memory.h"

#include <algorithm>

#include "train/memory_limit.h"
#include "train/memory_use.h"

namespace encore {
namespace {

constexpr int64_t kMostWalked = int64_t(2) << 20;  // examples: about a second

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

int64_t longest_example(const SequenceSet* set) {
  int64_t longest = 0;
  for (int64_t e = 0; set && e < set->examples(); ++e) longest = std::max(longest, set->example_tokens(e));
  return longest;
}

}  // namespace

LargestStep largest_step(const SequenceSet& set, const StepOptions& step, int ranks) {
  LargestStep largest;
  if (step.total_examples > kMostWalked) {
    largest.step_tokens = ceil_div(step.batch_sequences, ranks) * set.seq_length();
    largest.tokens = std::min(step.tokens_per_batch, largest.step_tokens);
    largest.micro_batches = ceil_div(largest.step_tokens, step.tokens_per_batch);
    return largest;
  }
  const StepOrder order(set.examples(), step.batch_sequences, step.total_examples, step.seed);
  for (int64_t s = 0; s < order.steps(); ++s)
    for (int r = 0; r < ranks; ++r) {
      const auto parts = micro_batches(order.examples(s, r, ranks), set, step.tokens_per_batch);
      int64_t all = 0;
      for (const auto& part : parts) {
        int64_t tokens = 0;
        for (const ExampleRef& e : part) tokens += set.example_tokens(e.example);
        largest.tokens = std::max(largest.tokens, tokens);
        all += tokens;
      }
      largest.step_tokens = std::max(largest.step_tokens, all);
      largest.micro_batches = std::max(largest.micro_batches, int64_t(parts.size()));
    }
  return largest;
}

RunMemory plan_memory(const EncoderConfig& config, const std::string& model_dir, const Device& device,
                      const RunData& data, const StepOptions& step, const Objective& objective, Communicator& comm) {
  const size_t before = memory_use().anonymous;
  const auto outline = outline_mlm(config, *device.backend, device.dtype, Mode::kTraining);
  const int64_t longest_eval = longest_example(data.eval.get());
  const auto plan = [&](int64_t tokens_per_batch) {
    StepOptions s = step;
    s.tokens_per_batch = tokens_per_batch;
    const LargestStep largest = largest_step(*data.train, s, comm.size());
    RunMemory memory;
    memory.capacity = plan_capacity(std::max(largest.tokens, longest_eval), objective);
    memory.plan = plan_run(*outline, {.capacity = memory.capacity,
                                      .step = s,
                                      .step_tokens = largest.step_tokens,
                                      .micro_batches = largest.micro_batches,
                                      .eval_tokens = data.eval_tokens,
                                      .ranks = comm.size(),
                                      .before = before});
    return memory;
  };
  const MemoryRoom room = memory_room(comm.local_size(), device.threads, weight_file_bytes(model_dir));
  comm.barrier();  // nobody takes memory before all have looked
  check_memory([&](int64_t tokens) { return plan(tokens).plan; }, step.tokens_per_batch, data.train->seq_length(),
               before, room, *device.backend);
  return plan(step.tokens_per_batch);
}

}  // namespace encore
