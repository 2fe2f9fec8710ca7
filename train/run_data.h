// The text of a run: what is trained on and what the loss is measured on.
#pragma once

#include <optional>

#include "apps/program/cli.h"
#include "data/sequences/dataset.h"
#include "data/tokenizer/tokenizer.h"
#include "optim/communicator.h"
#include "train/opening.h"

namespace encore {

struct RunData {
  std::shared_ptr<const SequenceSet> train, eval;  // eval: what is evaluated, --eval-tokens of it
  uint64_t train_fingerprint = 0, eval_fingerprint = 0;
  int64_t eval_tokens = 0;  // of one evaluation
  std::string eval_name;
  Ledger train_ledger;
  std::optional<Ledger> eval_ledger;  // where --eval named text of its own
};

// Streams among --train and --eval (standard input, pipes) are copied to the cache folder by rank 0, and the flags name
// the copies from here on: a stream can be read once, and by one rank.
void spool_streams(Cli&, Communicator&);

// Opens both sides and says the ledger. Throws Error as Dataset::open does, and when nothing is left to train on.
RunData open_data(const Cli&, const Tokenizer&, Communicator&, int threads, Opening&);

}  // namespace encore
