// domain_overlap: how much of their vocabularies corpora share, and what a model makes of each.
#include <algorithm>
#include <filesystem>
#include <optional>

#include "apps/program/open_model.h"
#include "apps/program/output_path.h"
#include "apps/program/run_program.h"
#include "apps/program/text_flags.h"
#include "data/select/overlap/overlap_text.h"
#include "data/sequences/masking.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/in_quotes.h"
#include "report/overlap_page.h"
#include "train/evaluator.h"
#include "train/model_figures.h"
#include "train/work_progress.h"

namespace encore {
namespace {

constexpr int64_t kLongestWindow = 512;  // mlm_eval's default of --seq-length

Cli domain_overlap_cli() {
  Cli cli(
      "domain_overlap",
      "measures how much of their vocabularies corpora share, as a matrix; with a model, also its masked-LM loss on "
      "each and the tokens it needs for a word.",
      "domain_overlap --corpus biomed=biomed.jsonl.zst cs='cs/*.jsonl' mine=mine.txt");
  cli.example("with a model's loss on each, as a page:",
              "domain_overlap --corpus a.jsonl b.jsonl --model roberta-base --html overlap.html");
  cli.list("Input", "corpus",
           "two or more corpora: .txt, .jsonl, .csv, .tsv, each plain, .gz or .zst; a glob, several files with commas "
           "between them, or - for standard input; FILE alone is named after the file",
           "NAME=FILES")
      .often();
  add_corpus_flags(cli, "Input");
  cli.integer("Input", "documents", "at most so many documents of each corpus, spread evenly over it; 0: all", 0, 0,
              int64_t(1) << 40)
      .often();
  cli.choice("Measure", "measure",
             "what is compared: shared, the most frequent words of each corpus (the paper's measure); jaccard, all of "
             "their words (its repository's)",
             {"shared", "jaccard"}, "shared")
      .often();
  cli.integer("Measure", "top", "the most frequent words of each corpus that are compared: of measure shared", 10000, 1,
              int64_t(1) << 40)
      .often();
  cli.integer("Measure", "min-df", "words in fewer documents are left out: of measure jaccard", 3, 1, int64_t(1) << 40);
  cli.text("Model", "model", "Hugging Face folder, of a masked-LM", "DIR").path().often();
  cli.integer("Model", "loss-documents", "documents of each corpus, spread evenly, that the model reads", 200, 1,
              1 << 30);
  cli.text("Output", "csv", "the figures for a spreadsheet, a line for each corpus", "FILE").written();
  cli.text("Output", "json", "the figures for other programs", "FILE").written();
  cli.text("Output", "svg", "the matrix as a heat map", "FILE").written();
  cli.text("Output", "html", "a page of the figures: heat map, corpora, most frequent words", "FILE").written().often();
  add_tokens_per_batch_flag(cli, 4096);
  add_device_flags(cli);
  return cli;
}

// The files that are written, with links followed; "" where none is asked for.
struct Outputs {
  std::string csv, json, svg, html;
};

Outputs output_files(const Cli& cli, const std::vector<NamedCorpus>& corpora) {
  std::vector<std::string> inputs;
  for (const NamedCorpus& corpus : corpora) inputs.insert(inputs.end(), corpus.paths.begin(), corpus.paths.end());
  Outputs out{.csv = output_file(cli, "csv", is_overlap_csv, inputs),
              .json = output_file(cli, "json", is_overlap_json, inputs),
              .svg = output_file(cli, "svg", is_heat_map_file, inputs),
              .html = output_file(cli, "html", is_overlap_page, inputs)};
  const std::string* const files[] = {&out.csv, &out.json, &out.svg, &out.html};
  for (const std::string* a : files)
    for (const std::string* b : files)
      check(a == b || a->empty() || *a != *b, "{}: two outputs name this file: give each one of its own", *a);
  return out;
}

OverlapOptions overlap_options(const Cli& cli) {
  const int64_t documents = cli.get_integer("documents");
  const bool shared = cli.get("measure") == "shared";
  check(shared || !cli.given("top"), "--top is of --measure shared, and {} was asked for", cli.get("measure"));
  check(!shared || !cli.given("min-df"), "--min-df is of --measure jaccard, and shared was asked for");
  return {.measure = shared ? OverlapMeasure::kShared : OverlapMeasure::kJaccard,
          .top = cli.get_integer("top"),
          .min_documents = cli.get_integer("min-df"),
          .documents = documents > 0 ? std::optional(documents) : std::nullopt,
          .threads = int(cli.get_integer("threads"))};
}

// A masked-LM, ready to read samples of corpora.
class SampleReader {
 public:
  SampleReader(const Cli& cli, int64_t corpora)
      : comm_(one_process()),
        open_(open_model(cli.get("model"), cli, *comm_)),
        wanted_(cli.get_integer("loss-documents")),
        options_{.seq_length = std::min(open_.max_length, kLongestWindow),
                 .tokens_per_batch = cli.get_integer("tokens-per-batch")},
        objective_(make_masking({.seed = kEvalSeed}, *open_.tokenizer)) {
    check(options_.tokens_per_batch >= options_.seq_length,
          "--tokens-per-batch {} has no room for one sequence of {} tokens", options_.tokens_per_batch,
          options_.seq_length);
    LoadedModel loaded =
        load_mlm(open_, {.capacity = [&](int64_t tokens) { return plan_capacity(tokens, *objective_); },
                         .tokens = options_.tokens_per_batch,
                         .least = options_.seq_length,
                         .batches = corpora * wanted_});
    if (loaded.report.mlm_head_fresh)
      fmt::print(stderr, "note: {} has no MLM head: the loss is that of a freshly initialised one\n",
                 loaded.report.file);
    model_ = std::move(loaded.model);
    reservation_.emplace(*model_, plan_capacity(options_.tokens_per_batch, *objective_), Mode::kInference);
  }

  // Fills in the model's figures of each corpus.
  void read(std::vector<CorpusVocabulary>& corpora, const CorpusOptions& options) {
    WorkProgress progress({.name = "loss", .unit = "corpora", .total = int64_t(corpora.size())}, false);
    for (CorpusVocabulary& corpus : corpora) {
      progress.add(0);
      std::vector<std::string> texts;
      std::string text;
      for (Documents sample(corpus.paths, options, wanted_, corpus.all_documents); sample.next(text);)
        texts.push_back(std::move(text));
      corpus.model = model_figures(texts, *open_.tokenizer, objective_, options_, *reservation_);
      progress.add(1);
      const ModelFigures& figures = *corpus.model;
      const EvalResult result{.loss = figures.loss, .targets = figures.targets, .tokens = figures.tokens};
      if (const std::string doubt = result.doubt(); !doubt.empty()) {
        progress.erase();
        fmt::print(stderr, "warning: corpus {}: {}\n", in_quotes(corpus.name), doubt);
      }
    }
  }

 private:
  std::unique_ptr<Communicator> comm_;
  OpenModel open_;
  int64_t wanted_;
  FigureOptions options_;
  std::shared_ptr<const Objective> objective_;
  std::unique_ptr<Model> model_;
  std::optional<Reservation> reservation_;
};

std::vector<CorpusVocabulary> read_vocabularies(const std::vector<NamedCorpus>& corpora, const CorpusOptions& reading,
                                                const OverlapOptions& options) {
  int64_t bytes = 0;
  for (const NamedCorpus& corpus : corpora)
    for (const std::string& path : corpus.paths) bytes += int64_t(std::filesystem::file_size(path));
  WorkProgress progress({.unit = "bytes", .total = options.documents ? 2 * bytes : bytes}, false);
  std::vector<CorpusVocabulary> out;
  for (const NamedCorpus& corpus : corpora)
    out.push_back(read_vocabulary(corpus, reading, options, [&](int64_t read) { progress.add(read); }));
  return out;
}

void write_files(const Overlap& overlap, const Outputs& outputs) {
  const auto write = [](const std::string& file, const std::string& content) {
    if (!file.empty()) write_file_atomic(file, content);
  };
  write(outputs.csv, overlap_csv(overlap));
  write(outputs.json, overlap_json(overlap));
  write(outputs.svg, heat_map_file(overlap_heat_map(overlap)));
  write(outputs.html, overlap_page(overlap));
}

int run(int argc, char** argv) {
  Cli cli = domain_overlap_cli();
  if (!cli.parse(argc, argv)) return 0;
  cli.required("corpus");
  const OverlapOptions options = overlap_options(cli);
  const CorpusOptions reading = corpus_reading(cli);
  const std::vector<NamedCorpus> corpora = parse_corpora(cli.get_list("corpus"));
  const Outputs outputs = output_files(cli, corpora);
  for (const NamedCorpus& corpus : corpora) check_has_words(corpus, reading);
  std::optional<SampleReader> model;
  if (!cli.get("model").empty()) model.emplace(cli, int64_t(corpora.size()));

  std::vector<CorpusVocabulary> vocabularies = read_vocabularies(corpora, reading, options);
  if (model) model->read(vocabularies, reading);
  Overlap overlap = compare(std::move(vocabularies), options);
  overlap.model = cli.get("model");
  write_files(overlap, outputs);
  fmt::print("{}", overlap_table(overlap));
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_as_one_process("domain_overlap", [&] { return encore::run(argc, argv); });
}
