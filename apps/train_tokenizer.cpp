// train_tokenizer: learns a byte-level BPE, the tokenizer of RoBERTa, from text.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "apps/program/device_flags.h"
#include "apps/program/output_path.h"
#include "apps/program/run_program.h"
#include "apps/program/text_flags.h"
#include "data/readers/corpus_reader.h"
#include "data/tokenizer/bpe_trainer.h"
#include "kernels/base/atomic_folder.h"
#include "kernels/base/in_quotes.h"

namespace encore {
namespace {

int run(int argc, char** argv) {
  Cli cli("train_tokenizer",
          "learns a byte-level BPE tokenizer (RoBERTa's kind) from text and writes it as Hugging Face "
          "files.",
          "train_tokenizer --data 'text/*.txt' --vocab-size 8192 --output my-tokenizer");
  add_corpus_files(cli, "Input", "data", "to learn from");
  add_corpus_flags(cli, "Input");
  cli.text("Output", "output", "folder for vocab.json, merges.txt, tokenizer.json and their companions", "DIR")
      .written();
  cli.integer("Training", "vocab-size", "tokens, with the 256 bytes and the 5 special tokens", 8192, 261, 1 << 24);
  cli.integer("Training", "min-frequency", "pairs seen less often are not merged", 2, 1, int64_t(1) << 40);
  cli.integer("Output", "seq-length", "longest sequence in tokens: model_max_length in tokenizer_config.json", 512, 3,
              1 << 30)
      .alias("max-length");
  add_threads_flag(cli);
  if (!cli.parse(argc, argv)) return 0;
  const CorpusOptions corpus = corpus_options(cli, "data");
  const std::string output = output_folder(cli);

  BpeTrainerOptions options;
  options.vocab_size = int(cli.get_integer("vocab-size"));
  options.min_frequency = cli.get_integer("min-frequency");
  options.threads = int(cli.get_integer("threads"));
  if (::isatty(STDERR_FILENO))
    options.progress = [](const char* phase, double done) {
      if (done < 0)
        std::fprintf(stderr, "\r%-24s      ", phase);
      else
        std::fprintf(stderr, "\r%-24s %3.0f %%", phase, 100 * done);
    };
  int64_t documents = 0, bytes = 0;
  CorpusReader reader(resolve_files(corpus.files, ""), corpus);
  const auto source = [&](std::string& text) {
    if (!reader.next(text)) return false;
    ++documents;
    bytes += int64_t(text.size());
    return true;
  };
  const Tokenizer tokenizer = train_bpe(source, options);
  if (options.progress) std::fputc('\n', stderr);
  AtomicFolder folder(output);
  tokenizer.save(folder.temporary_path(), int(cli.get_integer("seq-length")));
  folder.commit();
  std::printf("%s: %d tokens, %zu merges, learned from %lld documents (%lld bytes)\n",
              one_line(cli.get("output")).c_str(), int(tokenizer.vocab_size()), tokenizer.merge_count(),
              static_cast<long long>(documents), static_cast<long long>(bytes));
  if (tokenizer.vocab_size() < options.vocab_size)
    std::fprintf(stderr, "train_tokenizer: only %d of %d tokens: no more pairs occur %lld times\n",
                 int(tokenizer.vocab_size()), options.vocab_size, static_cast<long long>(options.min_frequency));
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_as_one_process("train_tokenizer", [&] { return encore::run(argc, argv); });
}
