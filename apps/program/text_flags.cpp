#include "apps/program/text_flags.h"

#include <utility>

#include "train/shared_text.h"

namespace encore {
namespace {

// The choices of --masking, in the order of --help.
constexpr std::pair<const char*, MaskUnit> kMaskUnits[] = {{"token", MaskUnit::kToken},
                                                           {"whole-word", MaskUnit::kWord}};

void add_text_field(Cli& cli, const char* group) {
  cli.text(group, "text-field", "jsonl key, csv or tsv column that holds the text", "NAME", "text").often();
  cli.flag(group, "quote-none", "in .csv and .tsv, quotes are ordinary characters (csv.QUOTE_NONE)");
}

}  // namespace

Cli::Flag add_corpus_files(Cli& cli, const char* group, const char* name, const std::string& purpose) {
  return cli
      .list(group, name,
            "text " + purpose +
                ": .txt, .jsonl, .csv, .tsv, each plain, .gz or .zst; several files, globs, or - for standard input",
            "FILE")
      .path();
}

Cli::Flag add_row_file(Cli& cli, const char* group, const char* name, const std::string& purpose) {
  return cli
      .text(group, name, purpose + ": jsonl, csv or tsv, also .gz or .zst; a glob, or - for standard input", "FILE")
      .path();
}

void add_corpus_flags(Cli& cli, const char* group) {
  add_text_field(cli, group);
  cli.flag(group, "blank-line-documents", "in .txt, documents end at a blank line (else every line is one)");
}

CorpusOptions corpus_reading(const Cli& cli) {
  return {.text_field = cli.get("text-field"),
          .blank_line_documents = cli.get_flag("blank-line-documents"),
          .quote_none = cli.get_flag("quote-none")};
}

CorpusOptions corpus_options(const Cli& cli, const std::string& files) {
  cli.required(files);
  CorpusOptions options = corpus_reading(cli);
  options.files = cli.get_list(files);
  return options;
}

Cli::Flag add_cache_flag(Cli& cli, const char* group) {
  return cli.text(group, "cache-dir", "where tokenized corpora are kept [$ENCORE_CACHE, else ~/.cache/encore]", "DIR")
      .written()
      .may_change_on_resume();
}

void add_masking_flags(Cli& cli, const char* length_group, const char* group) {
  cli.integer(length_group, "seq-length", "longest sequence in tokens, <s> and </s> counted", 512, 8, 1 << 20)
      .alias("max-length");
  cli.number(group, "mlm-probability", "share of the tokens to be predicted", 0.15, 1e-6, 0.999);
  std::vector<std::string> units;
  for (const auto& [name, unit] : kMaskUnits) units.push_back(name);
  cli.choice(group, "masking", "what is masked at a time", units, units[0]);
}

MaskUnit mask_unit(const Cli& cli) {
  const std::string chosen = cli.get("masking");
  for (const auto& [name, unit] : kMaskUnits)
    if (chosen == name) return unit;
  fail("--masking {}: no such choice", chosen);
}

void add_eval_tokens_flag(Cli& cli, const char* group, int64_t default_value) {
  cli.integer(
      group, "eval-tokens",
      "most tokens of an evaluation; of a longer text it takes windows spread over it, always the same; 0: all of it",
      default_value, 0, int64_t(1) << 40);
}

void add_row_flags(Cli& cli, const char* group, RowFields fields) {
  add_text_field(cli, group);
  if (fields.pair) cli.text(group, "text-pair-field", "key or column of the second text of a pair", "NAME");
  if (fields.label) cli.text(group, "label-field", "key or column of the label", "NAME", "label").often();
  cli.integer(group, "seq-length", "longest input in tokens, <s> and </s> counted; longer ones are cut", 512, 4,
              1 << 20)
      .alias("max-length")
      .often();
}

LabelledOptions row_options(const Cli& cli) {
  const auto field = [&](const char* flag) { return cli.declares(flag) ? cli.get(flag) : ""; };
  return {.text_field = field("text-field"),
          .text_pair_field = field("text-pair-field"),
          .label_field = field("label-field"),
          .quote_none = cli.get_flag("quote-none")};
}

std::string rows_path(const Cli& cli, const std::string& flag, Communicator& comm) {
  const std::string path = cli.get(flag);
  // Every rank takes part, also one whose flag names nothing: ranks that disagree about it are told so later.
  const std::vector<std::string> files =
      spool_streams(path.empty() ? std::vector<std::string>() : std::vector{path}, "", comm, cli.get("text-field"));
  return files.empty() ? "" : files.front();
}

void say_what_was_cut(const RowBlocks& rows, const Communicator& comm) {
  const std::string note = rows.cut_note();
  if (comm.root() && !note.empty()) fmt::print(stderr, "note: {} (--seq-length)\n", note);
}

}  // namespace encore
