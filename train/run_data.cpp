#include "train/run_data.h"

#include <cmath>

#include "apps/program/training_flags.h"
#include "data/sequences/sequence_sample.h"
#include "train/shared_text.h"

namespace encore {
namespace {

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// An evaluation should not take long beside what it watches: of a large text a part stands for the whole.
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

}  // namespace

void spool_streams(Cli& cli, Communicator& comm) {
  for (const char* flag : {"train", "eval"})
    cli.set(flag, spool_streams(cli.get_list(flag), cli.get("cache-dir"), comm));
}

RunData open_data(const Cli& cli, const Tokenizer& tokenizer, Communicator& comm, int threads, Opening& opening) {
  RunData data;
  const Dataset train = open_dataset(train_dataset_options(cli, threads), tokenizer, comm);
  opening.say("\nTraining text\n{}", trimmed(train.ledger().str()));
  data.train = train.train();
  data.train_ledger = train.ledger();
  data.train_fingerprint = train.fingerprint();
  check(data.train->examples() > 0, "--train: no document is left to train on");
  const bool own_eval = !cli.get_list("eval").empty();
  const double share = cli.get_number("held-out");
  const Dataset eval = open_dataset(eval_dataset_options(cli, threads), tokenizer, comm);
  data.eval = own_eval ? eval.train() : eval.held_out();
  data.eval_fingerprint = eval.fingerprint();
  if (own_eval) data.eval_ledger = eval.ledger();
  data.eval_tokens = own_eval ? eval.ledger().tokens_train : eval.ledger().tokens_held_out;
  data.eval_name = own_eval ? "eval" : "held-out";
  if (own_eval)
    opening.say("\nEvaluation text\n{}", trimmed(eval.ledger().str()));
  else if (share > 0)
    opening.say("No --eval: {} of {} documents ({:g} %) are held out, chosen by hash of their text",
                train.ledger().documents_held_out, train.ledger().documents_in, 100 * share);
  sample_eval(cli.get_integer("eval-tokens"), data, opening);
  if (!data.eval || data.eval->examples() == 0)
    opening.say("note: nothing is held out: the loss is measured on training text alone");
  return data;
}

}  // namespace encore
