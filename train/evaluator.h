// The loss on held-out text with fixed masks: the same masks for every model with the same tokenizer, at every step.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/sequences/batching.h"
#include "optim/communicator.h"
#include "train/reservation.h"

namespace encore {

inline constexpr uint64_t kEvalSeed = 20200710;  // of the masks of every evaluation, unless a flag says otherwise

struct EvalResult {
  double loss = 0;      // nats a target, token-weighted
  double accuracy = 0;  // share of the targets whose largest logit is the label
  int64_t targets = 0, tokens = 0;
  // Asked for by per_document:
  double document_loss = 0;  // mean over documents of the document's mean loss
  int64_t documents = 0;     // with at least one target
};

class Evaluator {
 public:
  Evaluator(std::shared_ptr<const SequenceSet>, std::shared_ptr<const Objective> fixed, int64_t tokens_per_batch);

  // The batches are those of one process, dealt out among the ranks; every rank gets the result, which differs from
  // that of one process by the rounding of double-precision sums alone.
  EvalResult run(Reservation&, Communicator&, bool per_document = false) const;

  bool empty() const { return set_->examples() == 0; }

 private:
  std::shared_ptr<const SequenceSet> set_;
  std::shared_ptr<const Objective> objective_;
  int64_t tokens_per_batch_;
};

}  // namespace encore
