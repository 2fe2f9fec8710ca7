// Steps of masked-LM training: examples of a corpus in shuffled epochs, with the targets of an objective.
#pragma once

#include <memory>

#include "data/sequences/batching.h"
#include "data/sequences/objective.h"
#include "train/batch_source.h"

namespace encore {

struct TextBatchOptions {
  int64_t batch_sequences = 32;     // examples of one optimiser step, over all ranks
  int64_t tokens_per_batch = 4096;  // largest micro-batch of one rank
  int64_t total_examples = 0;       // of the whole run
  uint64_t seed = 0;                // of the order
};

class TextBatches final : public BatchSource {
 public:
  // Throws Error when the options contradict each other: fewer examples a step than ranks, or examples that may be
  // longer than tokens_per_batch.
  TextBatches(std::shared_ptr<const SequenceSet>, std::shared_ptr<const Objective>, const TextBatchOptions&,
              int ranks = 1);

  int64_t steps() const override { return order_.steps(); }
  double epochs_after(int64_t steps) const override;
  std::vector<PackedBatch> micro_batches(int64_t step, int rank, int ranks) const override;
  std::vector<int64_t> micro_batch_tokens(int64_t step, int rank, int ranks) const override;
  std::string members(int64_t step) const override;

 private:
  std::shared_ptr<const SequenceSet> set_;
  std::shared_ptr<const Objective> objective_;
  TextBatchOptions options_;
  StepOrder order_;
};

}  // namespace encore
