// tokenize: text in, token ids out, a line of JSON for each document, in order.
#include <cstdio>
#include <string>
#include <string_view>

#include "apps/program/device_flags.h"
#include "apps/program/open_model.h"
#include "apps/program/run_program.h"
#include "apps/program/text_flags.h"
#include "data/readers/corpus_reader.h"
#include "data/sequences/token_lines.h"
#include "data/tokenizer/tokenizer.h"

namespace encore {
namespace {

void write_out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail_io("standard output: cannot write");
}

int run(int argc, char** argv) {
  Cli cli("tokenize", "prints the token ids of each document: a JSON list a line, in order, nothing cut off.",
          "tokenize --model models/encore-mini --data corpus.jsonl.zst");
  cli.text("Input", "model", "folder with vocab.json and merges.txt, or tokenizer.json", "DIR").path();
  add_corpus_files(cli, "Input", "data", "to tokenize");
  add_corpus_flags(cli, "Input");
  cli.flag("Output", "no-special", "leave out <s> and </s>");
  add_threads_flag(cli);
  if (!cli.parse(argc, argv)) return 0;
  const auto tokenizer = open_tokenizer(cli.required("model"));
  for (const std::string& note : tokenizer.notes()) fmt::print(stderr, "note: {}\n", note);
  const CorpusOptions corpus = corpus_options(cli, "data");
  TokenLinesOptions options;
  options.special = !cli.get_flag("no-special");
  options.threads = int(cli.get_integer("threads"));
  print_token_lines(resolve_files(corpus.files, ""), corpus, tokenizer, options, write_out);
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_as_one_process("tokenize", [&] { return encore::run(argc, argv); });
}
