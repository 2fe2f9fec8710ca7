// The training text and the evaluation text of a run.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "data/sequences/dataset.h"
#include "data/tokenizer/tokenizer.h"
#include "optim/communicator.h"
#include "train/opening.h"

namespace encore {

// The files of both texts, and how they are read and cut.
struct TextSpec {
  DatasetOptions train;        // layout.held_out: share of the documents held out, if `eval` names no files
  DatasetOptions eval;         // files empty: the held-out documents of `train`
  int64_t eval_tokens = 0;     // longer text is evaluated in windows spread over it; 0: all of it
  double target_share = 0.15;  // of the tokens of an evaluation

  bool own_eval() const { return !eval.cache.corpus.files.empty(); }
};

struct RunData {
  std::shared_ptr<const SequenceSet> train, eval;  // eval: reduced to --eval-tokens
  uint64_t train_fingerprint = 0, eval_fingerprint = 0;
  int64_t eval_tokens = 0;  // of one evaluation
  std::string eval_name;
  Ledger train_ledger;
  std::optional<Ledger> eval_ledger;  // if the evaluation has its own files
};

// Rank 0 copies streams among the files (standard input, pipes) to the cache folder, and the spec then names the
// copies: a stream can be read once, and by one rank.
void spool_streams(TextSpec&, Communicator&);

// Opens both texts and prints the ledger. Where the held-out documents are so few that their loss would be chance
// (kFewTargets), more are held out, up to a quarter of all, and a note says so. Throws Error as Dataset::open does, and
// when no training text is left. threads: of this rank.
RunData open_data(const TextSpec&, const Tokenizer&, Communicator&, int threads, Opening&);

// ledger.json of a run folder, which reports read: {"program", "steps", "device", "processes", "eval_name",
// "train": {...}, "eval": {...}}; "eval" only if the evaluation has its own files.
nlohmann::json ledger_json(const RunData&, const std::string& program, int64_t steps, const std::string& device,
                           const std::string& processes);

}  // namespace encore
