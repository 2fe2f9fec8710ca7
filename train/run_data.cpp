#include "train/run_data.h"

#include <algorithm>
#include <cmath>

#include "data/sequences/ledger_json.h"
#include "data/sequences/sequence_sample.h"
#include "kernels/base/check.h"
#include "kernels/base/human.h"
#include "train/evaluator.h"
#include "train/progress.h"
#include "train/shared_text.h"

namespace encore {
namespace {

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// Evaluates a sample of a large text, so that evaluations stay short beside the training.
void sample_eval(int64_t tokens, RunData& data, Opening& opening) {
  if (tokens == 0 || !data.eval) return;
  const int64_t all = data.eval->examples(), all_tokens = data.eval_tokens;
  data.eval = sample_of_tokens(data.eval, tokens);
  if (data.eval->examples() == all) return;
  data.eval_tokens = std::llround(mean_example_tokens(*data.eval) * double(data.eval->examples()));
  opening.say("{} loss: on {} of {} windows spread evenly over the text, {} of {} tokens (--eval-tokens 0 takes all)",
              data.eval_name, with_commas(data.eval->examples()), with_commas(all), with_commas(data.eval_tokens),
              with_commas(all_tokens));
}

// Raises the share that is held out until its loss is more than chance, but not above a quarter: the rest is what the
// run is for. The documents that were held out stay so.
Dataset hold_out_enough(const Dataset& train, DatasetOptions& options, const TextSpec& text, const Tokenizer& tokenizer,
                        Communicator& comm, Opening& opening) {
  constexpr double kMostHeldOut = 0.25;
  const auto targets = [&](const Dataset& data) {
    return int64_t(double(data.ledger().tokens_held_out) * text.target_share);
  };
  double& share = options.layout.held_out;
  const double asked = share;
  if (asked <= 0 || asked >= kMostHeldOut || targets(train) >= kFewTargets) return train;
  Dataset more = train;
  while (targets(more) < kFewTargets && share < kMostHeldOut) {
    share = std::min(2 * share, kMostHeldOut);
    more = open_dataset(options, tokenizer, comm);
  }
  opening.say(
      "note: {:g} % of the text would give an evaluation about {} targets, a figure of chance: {:g} % are held "
      "out, for about {}{}",
      100 * asked, targets(train), 100 * share, targets(more),
      targets(more) < kFewTargets ? "; still too few for a sound figure: give --eval" : "");
  return more;
}

}  // namespace

void spool_streams(TextSpec& text, Communicator& comm) {
  for (CorpusOptions* corpus : {&text.train.cache.corpus, &text.eval.cache.corpus})
    corpus->files = spool_streams(corpus->files, text.train.cache.dir, comm);
}

RunData open_data(const TextSpec& text, const Tokenizer& tokenizer, Communicator& comm, int threads, Opening& opening) {
  RunData data;
  DatasetOptions train_options = text.train, eval_options = text.eval;
  train_options.cache.threads = eval_options.cache.threads = threads;
  if (!text.own_eval()) eval_options.cache.corpus.files = text.train.cache.corpus.files;
  Dataset train = open_dataset(train_options, tokenizer, comm);
  if (!text.own_eval()) {
    train = hold_out_enough(train, train_options, text, tokenizer, comm, opening);
    eval_options.layout.held_out = train_options.layout.held_out;
  }
  opening.say("\nTraining text\n{}", trimmed(train.ledger().str()));
  data.train = train.train();
  data.train_ledger = train.ledger();
  data.train_fingerprint = train.fingerprint();
  check(data.train->examples() > 0, "--train: no document is left to train on");
  const bool own_eval = text.own_eval();
  const Dataset eval = open_dataset(eval_options, tokenizer, comm);
  data.eval = own_eval ? eval.train() : eval.held_out();
  data.eval_fingerprint = eval.fingerprint();
  if (own_eval) data.eval_ledger = eval.ledger();
  data.eval_tokens = own_eval ? eval.ledger().tokens_train : eval.ledger().tokens_held_out;
  data.eval_name = own_eval ? "eval" : "held-out";
  if (own_eval)
    opening.say("\nEvaluation text\n{}", trimmed(eval.ledger().str()));
  else if (text.train.layout.held_out > 0)
    opening.say("No --eval: {} of {} documents ({:g} %) are held out, chosen by hash of their text",
                train.ledger().documents_held_out, train.ledger().documents_in, 100 * train_options.layout.held_out);
  sample_eval(text.eval_tokens, data, opening);
  if (!data.eval || data.eval->examples() == 0)
    opening.say("note: nothing is held out: the loss is measured on training text alone");
  return data;
}

nlohmann::json ledger_json(const RunData& data, const std::string& program, int64_t steps, const std::string& device,
                           const std::string& processes) {
  nlohmann::json out = {{"program", program},
                        {"steps", steps},
                        {"device", device},
                        {"processes", processes},
                        {"eval_name", data.eval_name},
                        {"train", to_json(data.train_ledger)}};
  if (data.eval_ledger) out["eval"] = to_json(*data.eval_ledger);
  return out;
}

}  // namespace encore
