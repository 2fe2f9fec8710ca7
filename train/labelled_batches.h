// Cuts labelled rows into micro-batches, with one rule for training, scoring and planning; orders the steps of
// fine-tuning.
#pragma once

#include <cstdint>
#include <vector>

#include "data/sequences/labelled.h"
#include "train/batch_source.h"

namespace encore {

using Rows = std::vector<int64_t>;  // numbers of rows in a set

// Cuts rows, in order, into pieces of at most `budget` tokens (one row at least).
std::vector<Rows> cut_by_tokens(const ClassificationSet&, const Rows&, int64_t budget);
// All rows, shortest first: the order in which scoring cuts them.
Rows rows_by_length(const ClassificationSet&);

int64_t count_tokens(const ClassificationSet&, const Rows&);
int64_t longest_row(const ClassificationSet&);

struct LabelledBatchOptions {
  int64_t batch_size = 16;  // rows of one optimiser step, over all ranks; the last step of an epoch may have less
  int64_t tokens_per_batch = 8192;  // largest micro-batch of one rank
  int64_t epochs = 1;
  uint64_t seed = 0;  // of the order
};

// Each epoch takes every row once, in its own order; a step does not reach into the next epoch.
class LabelledBatches final : public BatchSource {
 public:
  // The set must outlive the source.
  LabelledBatches(const ClassificationSet&, const LabelledBatchOptions&);

  int64_t steps_per_epoch() const { return steps_per_epoch_; }
  int64_t steps() const override { return steps_per_epoch_ * options_.epochs; }
  double epochs_after(int64_t steps) const override { return double(steps) / double(steps_per_epoch_); }
  std::vector<PackedBatch> micro_batches(int64_t step, int rank, int ranks) const override;
  std::vector<int64_t> micro_batch_tokens(int64_t step, int rank, int ranks) const override;
  // "seed 3, epoch 2, step 17"; steps count over the epochs of the seed.
  std::string step_name(int64_t step) const override;
  std::string members(int64_t step) const override;

 private:
  uint64_t epoch_of(int64_t step) const { return uint64_t(step / steps_per_epoch_); }
  // The share of one rank: the rows of the step in contiguous runs of nearly equal length.
  Rows rows(int64_t step, int rank, int ranks) const;
  std::vector<Rows> pieces(int64_t step, int rank, int ranks) const;

  const ClassificationSet& set_;
  LabelledBatchOptions options_;
  int64_t steps_per_epoch_;
};

}  // namespace encore
