// The loss on held-out text with fixed masks: the same masks for every model with the same tokenizer, at every step.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/sequences/batching.h"
#include "optim/communicator.h"
#include "train/reservation.h"

namespace encore {

inline constexpr uint64_t kEvalSeed = 20200710;  // of the evaluation masks, unless a flag overrides it

// Fewer targets than this give a figure that is mostly chance: its standard error is above a quarter of a nat.
inline constexpr int64_t kFewTargets = 100;

// A document's mean loss over its targets.
struct DocumentLoss {
  int64_t document = 0;  // from 0, in the order of the files
  double loss = 0;       // nats a target
  int64_t targets = 0;
};

// Without a target there is no figure: loss, accuracy and document_loss are NaN then.
struct EvalResult {
  double loss = 0;      // nats a target, token-weighted
  double accuracy = 0;  // share of the targets whose largest logit is the label
  int64_t targets = 0, tokens = 0;
  // Filled only with per_document:
  double document_loss = 0;               // mean over documents of the document's mean loss
  int64_t documents = 0;                  // with at least one target
  std::vector<DocumentLoss> by_document;  // these, on rank 0

  bool measured() const { return targets > 0; }
  // "", or a line for the user: no target, or so few that the figure is chance.
  std::string doubt() const;
};

class Evaluator {
 public:
  Evaluator(std::shared_ptr<const SequenceSet>, std::shared_ptr<const Objective> fixed, int64_t tokens_per_batch);

  // Deals the batches of a single-process run out to the ranks. Every rank gets the result, which differs from that of
  // one process only by the rounding of double-precision sums.
  EvalResult run(Reservation&, Communicator&, bool per_document = false) const;

  bool empty() const { return set_->examples() == 0; }

 private:
  std::shared_ptr<const SequenceSet> set_;
  std::shared_ptr<const Objective> objective_;
  int64_t tokens_per_batch_;
};

}  // namespace encore
