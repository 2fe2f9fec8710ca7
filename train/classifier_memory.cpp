#include "train/classifier_memory.h"

#include <algorithm>
#include <numeric>

#include "train/inference_memory.h"
#include "train/labelled_batches.h"
#include "train/memory_limit.h"
#include "train/memory_plan.h"
#include "train/memory_use.h"

namespace encore {
namespace {

constexpr int64_t kMostRowsWalked = int64_t(2) << 20;  // rows: about a second

// Adds the largest micro-batch of scoring, and the number of them.
void add_scoring(const ClassificationSet& set, int64_t budget, LargestStep& largest) {
  const auto pieces = cut_by_tokens(set, rows_by_length(set), budget);
  for (const Rows& piece : pieces) largest.add(count_tokens(set, piece));
  largest.batches += int64_t(pieces.size());
  largest.micro_batches = std::max(largest.micro_batches, int64_t(pieces.size()));
}

LargestStep largest_training_step(const FinetuneSpec& spec, const ClassificationSet& train, int64_t budget, int ranks) {
  LabelledBatchOptions options = spec.batches;
  options.tokens_per_batch = budget;
  LargestStep largest;
  if (train.size() * options.epochs * spec.seeds > kMostRowsWalked) {
    // The worst case: the longest rows meet in one batch.
    Rows rows = rows_by_length(train);
    rows.erase(rows.begin(), rows.end() - std::min<int64_t>(options.batch_size, train.size()));
    const auto pieces = cut_by_tokens(train, rows, budget);
    for (const Rows& piece : pieces) largest.add(count_tokens(train, piece));
    largest.micro_batches = int64_t(pieces.size());
    largest.batches = kMostRowsWalked;
    largest.walked = false;
    return largest;
  }
  for (int s = 0; s < spec.seeds; ++s) {
    options.seed = spec.first_seed + uint64_t(s);
    const LargestStep of_seed = largest_step(LabelledBatches(train, options), ranks);
    for (const int64_t tokens : of_seed.counts) largest.add(tokens);
    largest.micro_batches = std::max(largest.micro_batches, of_seed.micro_batches);
    largest.batches += of_seed.batches;
  }
  return largest;
}

BatchCapacity capacity_for(int64_t tokens) {
  return {.tokens = tokens, .sequences = tokens / 2 + 1, .targets = 0};  // the shortest row is <s> </s>
}

}  // namespace

ClassifierMemory plan_finetune(const FinetuneSpec& spec, const Device& device, const LabelledData& data,
                               Communicator& comm) {
  const size_t before = memory_use().anonymous;
  const auto outline =
      outline_classifier(spec.model, data.labels.size(), *device.backend, device.dtype, Mode::kTraining);
  const ParamStore& params = outline->params();
  int64_t longest = 0;
  for (const ClassificationSet* set : {&data.train, &data.dev, &data.test})
    longest = std::max(longest, longest_row(*set));
  const auto plan = [&](int64_t budget) {
    const LargestStep train = largest_training_step(spec, data.train, budget, comm.size());
    ClassifierMemory memory{.capacity = capacity_for(std::max(train.tokens, longest))};
    LargestStep scored;
    for (const ClassificationSet* set : {&data.dev, &data.test})
      if (set->size() > 0) add_scoring(*set, memory.capacity.tokens, scored);
    memory.plan = outline->plan(memory.capacity, device.dtype, Mode::kTraining);
    memory.plan.regions.push_back({"AdamW moments (fp32)", Optimizer::bytes(params.length())});
    if (const size_t bytes = GradientReducer::bytes(params.length(), spec.step.reduce_dtype, comm.size()))
      memory.plan.regions.push_back({"gradients between ranks (bf16)", bytes});
    memory.plan.regions.push_back({"the best epoch's weights", size_t(params.length()) * sizeof(float), true});
    memory.plan.regions.push_back({"a tensor on its way to a file", largest_tensor_bytes(params), true});
    // The last batch of scoring and the first of the next epoch use the same weights.
    add_workspace(memory.plan, *outline, memory.capacity, Mode::kTraining,
                  {.layouts = train.micro_batches > 1 ? 2
                              : scored.batches > 0    ? 1
                                                      : 0,
                   .batches = train.batches + scored.batches,
                   .token_counts = train.token_counts() + scored.token_counts()},
                  before);
    return memory;
  };
  const MemoryRoom room = memory_room(comm.local_size(), device.threads, weight_file_bytes(spec.model_dir));
  comm.barrier();  // no rank allocates before all have measured the room
  check_memory([&](int64_t budget) { return plan(budget).plan; }, spec.batches.tokens_per_batch, longest, before, room,
               *device.backend);
  return plan(spec.batches.tokens_per_batch);
}

ClassifierMemory plan_predict(const EncoderConfig& config, const std::string& model_dir, const Device& device,
                              const RowBlocks& rows, int64_t tokens_per_batch) {
  const size_t before = memory_use().anonymous;
  const auto outline =
      outline_classifier(config, int(config.labels.size()), *device.backend, device.dtype, Mode::kInference);
  const auto plan = [&](int64_t budget) {
    LargestStep scored;
    if (rows.whole())
      add_scoring(rows.first(), budget, scored);
    else
      scored = {.tokens = std::max(budget, rows.max_length()), .batches = rows.text_bytes() / budget + rows.total()};
    ClassifierMemory memory{.capacity = capacity_for(std::max<int64_t>(scored.tokens, 2))};
    memory.plan = plan_inference(*outline, device, memory.capacity, scored.batches, before);
    if (rows.reading_bytes()) memory.plan.regions.push_back({"rows being read", rows.reading_bytes(), true});
    return memory;
  };
  check_memory([&](int64_t budget) { return plan(budget).plan; }, tokens_per_batch,
               std::max<int64_t>(rows.whole() ? longest_row(rows.first()) : rows.max_length(), 2), before,
               memory_room(device.local_ranks, device.threads, weight_file_bytes(model_dir)), *device.backend);
  return plan(tokens_per_batch);
}

}  // namespace encore
