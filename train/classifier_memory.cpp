#include "train/classifier_memory.h"

#include <algorithm>
#include <numeric>

#include "train/inference_memory.h"
#include "train/memory_limit.h"
#include "train/memory_plan.h"
#include "train/memory_use.h"
#include "train/row_batches.h"

namespace encore {
namespace {

constexpr int64_t kMostWalked = int64_t(2) << 20;  // rows: about a second

// The largest micro-batch and the number of shapes that occur.
struct Largest {
  int64_t tokens = 0;
  int64_t batches = 0;     // in all
  int64_t in_a_group = 0;  // micro-batches between two updates of the weights
};

void add(const ClassificationSet& set, const Rows& rows, int64_t budget, Largest& largest) {
  const auto pieces = cut_by_tokens(set, rows, budget);
  for (const Rows& piece : pieces) largest.tokens = std::max(largest.tokens, count_tokens(set, piece));
  largest.batches += int64_t(pieces.size());
  largest.in_a_group = std::max(largest.in_a_group, int64_t(pieces.size()));
}

Largest largest_training_batch(const FinetuneOptions& o, const ClassificationSet& train, int64_t budget) {
  Largest largest;
  if (train.size() * o.epochs * o.seeds > kMostWalked) {
    // The longest rows might meet in one batch.
    Rows rows = rows_by_length(train);
    rows.erase(rows.begin(), rows.end() - std::min<int64_t>(o.batch_size, train.size()));
    add(train, rows, budget, largest);
    largest.batches = kMostWalked;
    return largest;
  }
  for (int s = 0; s < o.seeds; ++s)
    for (int epoch = 0; epoch < o.epochs; ++epoch)
      for (int64_t first = 0; first < train.size(); first += o.batch_size)
        add(train, training_rows(train, first, o.batch_size, o.first_seed + uint64_t(s), uint64_t(epoch)), budget,
            largest);
  return largest;
}

BatchCapacity capacity_for(int64_t tokens) {
  return {.tokens = tokens, .sequences = tokens / 2 + 1, .targets = 0};  // the shortest row is <s> </s>
}

}  // namespace

ClassifierMemory plan_finetune(const EncoderConfig& config, const Device& device, const FinetuneOptions& options,
                               const LabelledData& data) {
  const size_t before = memory_use().anonymous;
  const auto outline = outline_classifier(config, data.labels.size(), *device.backend, device.dtype, Mode::kTraining);
  const ParamStore& params = outline->params();
  int64_t longest = 0;
  for (const ClassificationSet* set : {&data.train, &data.dev, &data.test})
    longest = std::max(longest, longest_row(*set));
  const auto plan = [&](int64_t budget) {
    const Largest train = largest_training_batch(options, data.train, budget);
    ClassifierMemory memory{.capacity = capacity_for(std::max(train.tokens, longest))};
    Largest scored;
    for (const ClassificationSet* set : {&data.dev, &data.test})
      if (set->size() > 0) add(*set, rows_by_length(*set), memory.capacity.tokens, scored);
    memory.plan = outline->plan(memory.capacity, device.dtype, Mode::kTraining);
    memory.plan.regions.push_back({"AdamW moments (fp32)", Optimizer::bytes(params.length())});
    memory.plan.regions.push_back({"the best epoch's weights", size_t(params.length()) * sizeof(float), true});
    memory.plan.regions.push_back({"a tensor on its way to a file", largest_tensor_bytes(params), true});
    const int layouts = train.in_a_group > 1 ? 2 : scored.in_a_group > 1 ? 1 : 0;
    add_workspace(memory.plan, *outline, layouts, train.batches + scored.batches, memory.capacity.tokens, before);
    return memory;
  };
  check_memory([&](int64_t budget) { return plan(budget).plan; }, options.tokens_per_batch, longest, before,
               memory_room(1, device.threads, weight_file_bytes(options.model_dir)), *device.backend);
  return plan(options.tokens_per_batch);
}

ClassifierMemory plan_predict(const EncoderConfig& config, const std::string& model_dir, const Device& device,
                              const ClassificationSet& set, int64_t tokens_per_batch) {
  const size_t before = memory_use().anonymous;
  const auto outline =
      outline_classifier(config, int(config.labels.size()), *device.backend, device.dtype, Mode::kInference);
  const Rows rows = rows_by_length(set);
  const auto plan = [&](int64_t budget) {
    Largest scored;
    add(set, rows, budget, scored);
    ClassifierMemory memory{.capacity = capacity_for(std::max<int64_t>(scored.tokens, 2))};
    memory.plan = plan_inference(*outline, device, memory.capacity, scored.batches, before);
    return memory;
  };
  check_memory([&](int64_t budget) { return plan(budget).plan; }, tokens_per_batch,
               std::max<int64_t>(longest_row(set), 2), before,
               memory_room(device.local_ranks, device.threads, weight_file_bytes(model_dir)), *device.backend);
  return plan(tokens_per_batch);
}

}  // namespace encore
