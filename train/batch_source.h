// What the step engine trains on: masked-LM text and labelled rows are two sources; another objective is one more
// class.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/packed_batch.h"

namespace encore {

// Every answer is a function of the step alone, so that a resumed run needs nothing but its step. Steps count from 0.
class BatchSource {
 public:
  virtual ~BatchSource() = default;

  virtual int64_t steps() const = 0;
  // Passes over the data after this many steps.
  virtual double epochs_after(int64_t steps) const = 0;

  // The micro-batches that a rank computes for the step, finished (PackedBatch::finish). May be empty on some ranks.
  virtual std::vector<PackedBatch> micro_batches(int64_t step, int rank, int ranks) const = 0;
  // Their lengths in tokens, without making them.
  virtual std::vector<int64_t> micro_batch_tokens(int64_t step, int rank, int ranks) const = 0;
  // The loss of a step is the sum over its labelled items divided by this. labelled: items of all ranks
  // (PackedBatch::labelled()).
  virtual int64_t loss_divisor(int64_t labelled) const { return std::max<int64_t>(1, labelled); }

  // For messages: "step 5", and what the step was made of, on all ranks: "documents of the batch: 3, 17".
  virtual std::string step_name(int64_t step) const { return "step " + std::to_string(step + 1); }
  virtual std::string members(int64_t step) const = 0;
};

// "3, 17, 29" of at most twenty numbers, and how many more there are.
std::string name_some(const std::vector<int64_t>& numbers);

}  // namespace encore
