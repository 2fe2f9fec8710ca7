// tokenize: text in, token ids out, a line of JSON for each document, in order.
#include <cstdio>
#include <string>
#include <string_view>

#include "apps/program/cli.h"
#include "apps/program/token_lines.h"
#include "data/readers/corpus_reader.h"
#include "data/tokenizer/tokenizer.h"

namespace encore {
namespace {

void write_out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail_io("standard output: cannot write");
}

int run(int argc, char** argv) {
  Cli cli("tokenize", "prints the token ids of each document: a JSON list a line, in order, nothing cut off.",
          "tokenize --model models/encore-mini --data corpus.jsonl.zst");
  cli.text("Input", "model", "folder with vocab.json and merges.txt, or tokenizer.json", "DIR");
  cli.list("Input", "data", "text: .txt .jsonl .csv .tsv, also .gz .zst; globs; - is standard input", "FILES");
  cli.text("Input", "text-field", "jsonl key or csv column that holds the text", "NAME", "text");
  cli.flag("Input", "blank-line-documents", "txt: a blank line ends a document (otherwise every line is one)");
  cli.flag("Output", "no-special", "leave out <s> and </s>");
  cli.integer("Speed", "threads", "worker threads; 0: all cores", 0, 0, 4096);
  if (!cli.parse(argc, argv)) return 0;
  const auto tokenizer = Tokenizer::load(cli.required("model"));
  cli.required("data");
  const CorpusOptions corpus{cli.get_list("data"), cli.get("text-field"), cli.get_flag("blank-line-documents")};
  TokenLinesOptions options;
  options.special = !cli.get_flag("no-special");
  options.threads = int(cli.get_integer("threads"));
  print_token_lines(resolve_files(corpus.files, ""), corpus, tokenizer, options, write_out);
  if (std::fflush(stdout) != 0) fail_io("standard output: cannot write");
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_program("tokenize", [&] { return encore::run(argc, argv); });
}
