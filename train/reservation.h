// The activation memory of a run: planned once for a token budget, grown in the rare case that a batch does not fit.
#pragma once

#include "data/sequences/objective.h"
#include "model/model.h"

namespace encore {

// Room for batches of `tokens` tokens with the objective's bound of targets.
BatchCapacity plan_capacity(int64_t tokens, const Objective&);

class Reservation {
 public:
  Reservation(Model&, const BatchCapacity&, Mode);

  // Grows the memory if the batch is larger than all before it.
  void fit(const PackedBatch&);
  Model& model() const { return model_; }
  const BatchCapacity& capacity() const { return capacity_; }

 private:
  Model& model_;
  BatchCapacity capacity_;
  Mode mode_;
};

}  // namespace encore
