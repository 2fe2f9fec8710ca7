// mlm_eval: the masked-LM loss of a model on text, with the same masks for every model that has the same tokenizer.
#include <cmath>

#include "data/sequences/dataset.h"
#include "data/sequences/sequence_sample.h"
#include "data/tokenizer/tokenizer.h"
#include "kernels/base/human.h"
#include "model/checkpoint.h"
#include "train/device.h"
#include "train/evaluator.h"
#include "train/inference_memory.h"

namespace encore {
namespace {

Cli mlm_eval_cli() {
  Cli cli("mlm_eval", "measures the masked-LM loss of a model on text, with fixed masks.",
          "mlm_eval --model runs/dapt-1/model/best --data held.txt");
  cli.text("Input", "model", "Hugging Face folder", "DIR");
  cli.list("Input", "data", "text: .txt, .jsonl, .csv, .tsv, each plain, .gz or .zst; several files and globs", "FILE");
  cli.text("Input", "text-field", "jsonl key, csv or tsv column that holds the text", "NAME", "text");
  cli.flag("Input", "blank-line-documents", "in .txt, documents end at a blank line (else every line is one)");
  cli.text("Input", "cache-dir", "where tokenized corpora are kept [$ENCORE_CACHE, else ~/.cache/encore]", "DIR");
  cli.integer("Measure", "seq-length", "longest window in tokens, <s> and </s> counted; longer documents are split",
              512, 8, 1 << 20);
  cli.number("Measure", "mlm-probability", "share of the tokens to be predicted", 0.15, 1e-6, 0.999);
  cli.choice("Measure", "masking", "what is masked at a time", {"token", "whole-word"}, "token");
  cli.integer("Measure", "seed", "of the masks", int64_t(kEvalSeed), 0, int64_t(1) << 53);
  cli.integer("Measure", "eval-tokens",
              "of more text than this many tokens take windows spread over it, as dapt_train does; 0: all", 0, 0,
              int64_t(1) << 40);
  cli.integer("Measure", "tokens-per-batch", "tokens computed at a time", 4096, 8, 1 << 26);
  cli.flag("Output", "json", "one JSON object instead of a table");
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
  fmt::print("loss           {:.6f} nats a target ({:.6f} bits)\n", r.loss, bits);
  fmt::print("perplexity     {:.4f}\n", perplexity);
  fmt::print("document loss  {:.6f} nats, mean over documents\n", r.document_loss);
  fmt::print("accuracy       {:.2f} %\n", 100 * r.accuracy);
  fmt::print("measured on    {} targets in {} tokens of {} documents\n", with_commas(r.targets), with_commas(r.tokens),
             with_commas(r.documents));
}

int mlm_eval(int argc, char** argv) {
  Cli cli = mlm_eval_cli();
  if (!cli.parse(argc, argv)) return 0;
  const std::string dir = cli.required("model");
  check(!cli.get_list("data").empty(), "--data FILE is needed: the text to measure on");
  const EncoderConfig config = load_config(dir);
  const int64_t seq_length = resolve_max_length(cli, config, "seq-length");
  const int64_t tokens_per_batch = cli.get_integer("tokens-per-batch");
  check(tokens_per_batch >= seq_length, "--tokens-per-batch {} has no room for one sequence of --seq-length {}",
        tokens_per_batch, seq_length);
  const Tokenizer tokenizer = Tokenizer::load(dir);
  check_vocabulary(config, tokenizer, dir);
  const MaskingOptions masking{.mlm_probability = cli.get_number("mlm-probability"),
                               .whole_word = cli.get("masking") == "whole-word",
                               .seed = uint64_t(cli.get_integer("seed"))};
  const std::unique_ptr<Communicator> self = make_communicator();
  const Device device = open_device(cli, threads_for_rank(*self));
  const Dataset data = Dataset::open({.corpus = {.files = cli.get_list("data"),
                                                 .text_field = cli.get("text-field"),
                                                 .blank_line_documents = cli.get_flag("blank-line-documents")},
                                      .mode = SequenceMode::kSplit,
                                      .seq_length = seq_length,
                                      .cache_dir = cli.get("cache-dir"),
                                      .threads = device.threads},
                                     tokenizer);
  const int64_t asked = cli.get_integer("eval-tokens");
  const auto set = asked > 0 ? sample_of_tokens(data.train(), asked) : data.train();
  check_inference_memory(
      config, dir, device,
      {.capacity = [&](int64_t tokens) { return plan_capacity(tokens, masking.mlm_probability); },
       .tokens = tokens_per_batch,
       .least = seq_length,
       .batches = int64_t(mean_example_tokens(*set) * double(set->examples())) / tokens_per_batch + 1});
  const std::unique_ptr<Model> model = make_mlm(config, *device.backend, device.dtype, Mode::kInference);
  const LoadReport report = load_weights(dir, model->params(), config, 0);
  for (const std::string& note : report.notes) fmt::print(stderr, "note: {}\n", note);
  if (report.mlm_head_fresh)
    fmt::print(stderr, "note: {} has no MLM head: the loss is that of a freshly initialised one\n", report.file);
  Reservation reservation(*model, plan_capacity(tokens_per_batch, masking.mlm_probability), Mode::kInference);
  const Evaluator evaluator(set, make_masker(masking, tokenizer), tokens_per_batch);
  print_result(evaluator.run(reservation, *self, /*per_document=*/true), cli.get_flag("json"));
  if (!cli.get_flag("json")) fmt::print("computed by    {}\n", device.description());
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_program("mlm_eval", [&] { return encore::mlm_eval(argc, argv); });
}
