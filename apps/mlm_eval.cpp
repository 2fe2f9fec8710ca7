// mlm_eval: the masked-LM loss of a model on text, with the same masks for every model that has the same tokenizer.
#include <fmt/ranges.h>

#include <cmath>

#include "apps/program/open_model.h"
#include "apps/program/output_path.h"
#include "apps/program/run_program.h"
#include "apps/program/text_flags.h"
#include "data/sequences/masking.h"
#include "data/sequences/sequence_sample.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/human.h"
#include "train/evaluator.h"
#include "train/progress.h"
#include "train/shared_text.h"

namespace encore {
namespace {

Cli mlm_eval_cli() {
  Cli cli("mlm_eval", "measures the masked-LM loss of a model on text, with fixed masks.",
          "mlm_eval --model runs/dapt-1/model/best --data held.txt");
  cli.example("two processes:", "mpirun -n 2 mlm_eval --model roberta-base --data held.txt");
  cli.text("Input", "model", "Hugging Face folder", "DIR").path().often();
  add_corpus_files(cli, "Input", "data", "to measure the loss on").often();
  add_corpus_flags(cli, "Input");
  add_cache_flag(cli, "Input");
  add_masking_flags(cli, "Measure", "Measure");
  cli.integer("Measure", "seed", "decides the masks", int64_t(kEvalSeed), 0, int64_t(1) << 53);
  add_eval_tokens_flag(cli, "Measure", 0);
  cli.flag("Output", "json", "one JSON object instead of a table").often();
  cli.text("Output", "per-document", "also the loss of each document that has a target, as JSON lines", "FILE")
      .written();
  add_tokens_per_batch_flag(cli, 4096);
  add_device_flags(cli);
  return cli;
}

void print_result(const EvalResult& r, bool json) {
  const double bits = r.loss / std::log(2.0), perplexity = std::exp(r.loss);
  if (json) {
    const nlohmann::ordered_json out = {{"loss", r.loss},           {"bits", bits},
                                        {"perplexity", perplexity}, {"document_loss", r.document_loss},
                                        {"accuracy", r.accuracy},   {"targets", r.targets},
                                        {"documents", r.documents}, {"tokens", r.tokens}};
    fmt::print("{}\n", out.dump());
    return;
  }
  if (!r.measured()) {
    fmt::print("loss           none: no target in {} tokens\n", with_commas(r.tokens));
    return;
  }
  fmt::print("loss           {:.6f} nats a target ({:.6f} bits)\n", r.loss, bits);
  fmt::print("perplexity     {:.4f}\n", perplexity);
  fmt::print("document loss  {:.6f} nats, mean over documents\n", r.document_loss);
  fmt::print("accuracy       {:.2f} %\n", 100 * r.accuracy);
  fmt::print("measured on    {} targets in {} tokens of {} documents\n", with_commas(r.targets), with_commas(r.tokens),
             with_commas(r.documents));
}

// {"document": from 0, "loss": nats a target, "targets"}
std::string document_line(const DocumentLoss& d) {
  const nlohmann::ordered_json line = {{"document", d.document}, {"loss", d.loss}, {"targets", d.targets}};
  return line.dump() + "\n";
}

bool is_per_document_file(const std::string& start) {
  return start.empty() || start.starts_with("{\"document\":");
}

void write_documents(const std::string& path, const EvalResult& result) {
  AtomicFile file(path);
  for (const DocumentLoss& d : result.by_document) file.write(document_line(d));
  file.commit();
}

// The windows that are measured.
std::shared_ptr<const SequenceSet> read_text(const Cli& cli, const OpenModel& open, Communicator& comm) {
  DatasetOptions options{
      .cache = {.corpus = corpus_options(cli, "data"), .dir = cli.get("cache-dir"), .threads = open.device.threads},
      .layout = {.mode = SequenceMode::kSplit, .seq_length = open.max_length}};
  options.cache.corpus.files = spool_streams(options.cache.corpus.files, options.cache.dir, comm);
  const Dataset data = open_dataset(options, *open.tokenizer, comm);
  const int64_t asked = cli.get_integer("eval-tokens");
  return asked > 0 ? sample_of_tokens(data.train(), asked) : data.train();
}

int mlm_eval(int argc, char** argv, Communicator& comm) {
  Cli cli = mlm_eval_cli();
  if (!cli.parse(argc, argv)) return 0;
  const std::string dir = cli.required("model");
  cli.required("data");
  check_folders_apart(cli);
  const std::string per_document = output_file(cli, "per-document", is_per_document_file);
  const OpenModel open = open_model(dir, cli, comm, "seq-length");
  const int64_t tokens_per_batch = cli.get_integer("tokens-per-batch");
  check(tokens_per_batch >= open.max_length, "--tokens-per-batch {} has no room for one sequence of --seq-length {}",
        tokens_per_batch, open.max_length);
  const std::shared_ptr<const Objective> objective = make_masking({.mlm_probability = cli.get_number("mlm-probability"),
                                                                   .unit = mask_unit(cli),
                                                                   .seed = uint64_t(cli.get_integer("seed"))},
                                                                  *open.tokenizer);
  const auto set = read_text(cli, open, comm);
  const auto [model, report] =
      load_mlm(open, {.capacity = [&](int64_t tokens) { return plan_capacity(tokens, *objective); },
                      .tokens = tokens_per_batch,
                      .least = open.max_length,
                      .batches = int64_t(mean_example_tokens(*set) * double(set->examples())) / tokens_per_batch + 1});
  if (report.mlm_head_fresh && comm.root())
    fmt::print(stderr,
               "note: {}: the MLM head is not in the file ({}): the loss is that of a freshly initialised one\n",
               report.file, fmt::join(report.fresh, ", "));
  Reservation reservation(*model, plan_capacity(tokens_per_batch, *objective), Mode::kInference);
  const Evaluator evaluator(set, objective, tokens_per_batch);
  const EvalResult result = evaluator.run(reservation, comm, /*per_document=*/true);
  if (const std::string doubt = result.doubt(); !doubt.empty() && comm.root())
    fmt::print(stderr, "warning: {}\n", doubt);
  if (comm.root() && !per_document.empty()) write_documents(per_document, result);
  print_result(result, cli.get_flag("json"));
  if (!cli.get_flag("json")) fmt::print("computed by    {}\n", open.device.description());
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_over_ranks("mlm_eval", [&](auto& comm) { return encore::mlm_eval(argc, argv, comm); });
}
