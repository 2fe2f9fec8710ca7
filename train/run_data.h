// The text of a run: what is trained on and what the loss is measured on.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "data/sequences/dataset.h"
#include "data/tokenizer/tokenizer.h"
#include "optim/communicator.h"
#include "train/opening.h"

namespace encore {

// Which text, and how it is read and cut.
struct TextSpec {
  DatasetOptions train;     // layout.held_out: share of the documents that is kept out, where `eval` names no files
  DatasetOptions eval;      // files empty: the held-out side of `train`'s
  int64_t eval_tokens = 0;  // an evaluation of more text takes windows spread over it; 0: all

  bool own_eval() const { return !eval.cache.corpus.files.empty(); }
};

struct RunData {
  std::shared_ptr<const SequenceSet> train, eval;  // eval: what is evaluated, --eval-tokens of it
  uint64_t train_fingerprint = 0, eval_fingerprint = 0;
  int64_t eval_tokens = 0;  // of one evaluation
  std::string eval_name;
  Ledger train_ledger;
  std::optional<Ledger> eval_ledger;  // where the evaluation has files of its own
};

// Streams among the files (standard input, pipes) are copied to the cache folder by rank 0, and the spec names the
// copies from here on: a stream can be read once, and by one rank.
void spool_streams(TextSpec&, Communicator&);

// Opens both sides and says the ledger. Throws Error as Dataset::open does, and when nothing is left to train on.
// threads: of this rank.
RunData open_data(const TextSpec&, const Tokenizer&, Communicator&, int threads, Opening&);

// ledger.json of a run folder, which reports are made from: {"program", "steps", "device", "processes", "eval_name",
// "train": {...}, "eval": {...}}; "eval" only where the evaluation has files of its own.
nlohmann::json ledger_json(const RunData&, const std::string& program, int64_t steps, const std::string& device,
                           const std::string& processes);

}  // namespace encore
