// tokenize: text in, token ids out, a line of JSON for each document, in order.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "apps/train/cli.h"
#include "data/corpus_reader.h"
#include "data/tokenizer.h"

namespace encore {
namespace {

constexpr size_t kBatchBytes = size_t(4) << 20;

void append_line(const std::vector<int32_t>& ids, std::string& out) {
  out += '[';
  for (size_t i = 0; i < ids.size(); ++i) fmt::format_to(std::back_inserter(out), "{}{}", i > 0 ? ", " : "", ids[i]);
  out += "]\n";
}

void write_out(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    fail_io("standard output: cannot write");
}

int run(int argc, char** argv) {
  Cli cli("tokenize", "prints the token ids of each document: a JSON list a line, in order, nothing cut off.",
          "tokenize --model models/encore-mini --data corpus.jsonl.zst");
  cli.text("Input", "model", "folder with vocab.json and merges.txt, or tokenizer.json", "DIR");
  cli.list("Input", "data", "text: .txt .jsonl .csv .tsv, also .gz .zst; globs; - is standard input", "FILES");
  cli.text("Input", "text-field", "jsonl key or csv column that holds the text", "NAME", "text");
  cli.flag("Input", "blank-line-documents", "txt: a blank line ends a document (otherwise every line is one)");
  cli.flag("Output", "no-special", "leave out <s> and </s>");
  cli.integer("General", "threads", "threads to use, 0 = all cores", 0, 0, 4096);
  if (!cli.parse(argc, argv)) return 0;
  const auto tokenizer = Tokenizer::load(cli.required("model"));
  cli.required("data");
  CorpusOptions corpus{cli.get_list("data"), cli.get("text-field"), cli.get_flag("blank-line-documents")};
  const bool special = !cli.get_flag("no-special");
  const auto files = resolve_files(corpus.files, "");

  // Reading costs little beside tokenizing: a bad line is found before anything is printed.
  std::string text;
  for (CorpusReader reader(files, corpus); reader.next(text);) {
  }
  CorpusReader reader(files, corpus);
  std::vector<std::string> texts;
  for (bool more = true; more;) {
    texts.clear();
    size_t bytes = 0;
    while (bytes < kBatchBytes && (more = reader.next(text))) {
      bytes += text.size() + 1;
      texts.push_back(std::move(text));
    }
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    std::string out;
    for (const auto& ids : tokenizer.encode_batch(views, int(cli.get_integer("threads"))))
      append_line(special ? tokenizer.build_inputs(ids) : ids, out);
    write_out(out);
  }
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_program("tokenize", [&] { return encore::run(argc, argv); });
}
