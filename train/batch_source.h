// A BatchSource gives the step engine its micro-batches. Masked-LM text and labelled rows are the two sources; a new
// kind of training adds a class.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/packed_batch.h"

namespace encore {

// Every method is a function of the step alone, so a resumed run needs only its step number. Steps count from 0.
class BatchSource {
 public:
  virtual ~BatchSource() = default;

  virtual int64_t steps() const = 0;
  // Passes over the data after this many steps.
  virtual double epochs_after(int64_t steps) const = 0;

  // The micro-batches that a rank computes for the step, finished (PackedBatch::finish). May be empty on some ranks.
  virtual std::vector<PackedBatch> micro_batches(int64_t step, int rank, int ranks) const = 0;
  // The lengths of these micro-batches in tokens, without building them.
  virtual std::vector<int64_t> micro_batch_tokens(int64_t step, int rank, int ranks) const = 0;
  // The loss of a step is the sum over its labelled items divided by this. labelled: items of all ranks
  // (PackedBatch::labelled()).
  virtual int64_t loss_divisor(int64_t labelled) const { return std::max<int64_t>(1, labelled); }

  // For messages: the step's name, "step 5", and its members on all ranks, "documents of the batch: 3, 17".
  virtual std::string step_name(int64_t step) const { return "step " + std::to_string(step + 1); }
  virtual std::string members(int64_t step) const = 0;
};

// Lists at most twenty numbers and counts the rest: "3, 17, 29 and 5 more".
std::string name_some(const std::vector<int64_t>& numbers);

}  // namespace encore
