#include "train/run_data.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/program/training_flags.h"
#include "data/readers/corpus_reader.h"
#include "data/sequences/sequence_sample.h"
#include "kernels/base/human.h"
#include "train/signals.h"

namespace encore {
namespace {

// The cache of a corpus is built by rank 0, with the cores of those that wait for it meanwhile; the others find it.
Dataset open_dataset(DatasetOptions options, const Tokenizer& tokenizer, Communicator& comm) {
  if (comm.root()) {
    options.threads *= comm.local_size();
    options.say = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  }
  options.stop = [] { return stop_signal() != 0; };
  if (!comm.root()) comm.barrier();
  Dataset dataset = Dataset::open(options, tokenizer);
  if (comm.root()) comm.barrier();
  return dataset;
}

bool is_stream(const std::string& file) {
  std::error_code error;
  const auto type = std::filesystem::status(file, error).type();
  return file == "-" || type == std::filesystem::file_type::fifo;
}

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
  for (const char* flag : {"train", "eval"}) {
    const std::vector<std::string> given = cli.get_list(flag);
    if (std::none_of(given.begin(), given.end(), is_stream)) continue;
    nlohmann::json files = nlohmann::json::array();
    if (comm.root())
      for (const std::string& file : given)
        files.push_back(is_stream(file) ? resolve_files({file}, cli.get("cache-dir")).front() : file);
    std::string text = files.dump();
    std::array<int64_t, 1> length{comm.root() ? int64_t(text.size()) : 0};
    comm.all_reduce_max(std::span<int64_t>(length));
    text.resize(size_t(length[0]));
    comm.broadcast(std::span<char>(text), 0);
    cli.set(flag, nlohmann::json::parse(text).get<std::vector<std::string>>());
  }
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
