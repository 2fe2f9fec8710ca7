// The activation memory of a run: planned once for a token budget, grown in the rare case that a batch does not fit.
#pragma once

#include "model/model.h"

namespace encore {

// Room for batches of `tokens` tokens: the target count is binomial with probability p (for whole words: of the same
// mean), so six standard deviations above its mean are passed less often than once in 10^9 batches.
BatchCapacity plan_capacity(int64_t tokens, double mlm_probability);

class Reservation {
 public:
  Reservation(Model&, const BatchCapacity&, Mode);

  // Makes room for the batch where it is larger than anything before.
  void fit(const PackedBatch&);
  Model& model() const { return model_; }
  const BatchCapacity& capacity() const { return capacity_; }

 private:
  Model& model_;
  BatchCapacity capacity_;
  Mode mode_;
};

}  // namespace encore
