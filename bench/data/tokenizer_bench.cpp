// Rates of each stage of the text path, in bytes of text a second: unpacking and reading a corpus, cutting it into
// words, encoding to token ids in memory, learning a tokenizer.
//   tokenizer_bench [--model DIR] [--corpus FILE] [Google Benchmark's flags]
// bench/peers/row_tokenizer.py compares `encode_batch/N` (N threads) with Hugging Face's encode_batch.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "data/readers/byte_stream.h"
#include "data/readers/corpus_reader.h"
#include "data/tokenizer/bpe_trainer.h"
#include "data/tokenizer/pretokenizer.h"
#include "data/tokenizer/tokenizer.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

std::string corpus_path = "../shared/data/corpora/cs.jsonl.zst";
std::string model_dir = "../shared/data/tokenizer/roberta-base";

const std::vector<std::string>& corpus() {
  static const std::vector<std::string> texts = [] {
    std::vector<std::string> all;
    std::string text;
    for (CorpusReader reader({corpus_path}, {}); reader.next(text);) all.push_back(std::move(text));
    return all;
  }();
  return texts;
}

int64_t corpus_bytes() {
  int64_t bytes = 0;
  for (const std::string& text : corpus()) bytes += int64_t(text.size());
  return bytes;
}

const Tokenizer& tokenizer() {
  static const Tokenizer tokenizer = Tokenizer::load(model_dir);
  return tokenizer;
}

void unpack(benchmark::State& state) {
  std::vector<char> buffer(size_t(1) << 18);
  for (auto _ : state)
    for (const auto stream = open_byte_stream(corpus_path); stream->read(buffer.data(), buffer.size()) > 0;) {
    }
  state.SetBytesProcessed(state.iterations() * corpus_bytes());
}

void read_corpus(benchmark::State& state) {
  std::string text;
  for (auto _ : state)
    for (CorpusReader reader({corpus_path}, {}); reader.next(text);) benchmark::DoNotOptimize(text.data());
  state.SetBytesProcessed(state.iterations() * corpus_bytes());
}

void cut_into_words(benchmark::State& state) {
  const PreTokenizer& pre = PreTokenizer::instance();
  int64_t words = 0;
  for (auto _ : state)
    for (const std::string& text : corpus())
      for (size_t at = 0; at < text.size(); ++words) at = pre.word_end(text, at);
  state.SetItemsProcessed(words);
  state.SetBytesProcessed(state.iterations() * corpus_bytes());
}

void encode_batch(benchmark::State& state) {
  const std::vector<std::string_view> texts(corpus().begin(), corpus().end());
  int64_t ids = 0;
  for (auto _ : state)
    for (const auto& document : tokenizer().encode_batch(texts, int(state.range(0)))) ids += int64_t(document.size());
  state.SetItemsProcessed(ids);
  state.counters["ids"] = double(ids) / double(state.iterations());
  state.SetBytesProcessed(state.iterations() * corpus_bytes());
}

void encode_words(benchmark::State& state) {
  std::vector<int32_t> ids;
  std::vector<uint8_t> starts;
  for (auto _ : state)
    for (const std::string& text : corpus()) {
      ids.clear(), starts.clear();
      tokenizer().encode_words(text, ids, starts);
      benchmark::DoNotOptimize(ids.data());
    }
  state.SetBytesProcessed(state.iterations() * corpus_bytes());
}

void train(benchmark::State& state) {
  BpeTrainerOptions options;
  options.vocab_size = 8192;
  options.threads = int(state.range(0));
  for (auto _ : state) {
    size_t next = 0;
    const Tokenizer learned = train_bpe(
        [&](std::string& document) {
          if (next == corpus().size()) return false;
          document = corpus()[next++];
          return true;
        },
        options);
    benchmark::DoNotOptimize(learned.fingerprint());
  }
  state.SetBytesProcessed(state.iterations() * corpus_bytes());
}

BENCHMARK(unpack)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(read_corpus)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(cut_into_words)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(encode_batch)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(encode_words)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(train)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; i += 2) {
    std::string* value = std::strcmp(argv[i], "--model") == 0    ? &encore::model_dir
                         : std::strcmp(argv[i], "--corpus") == 0 ? &encore::corpus_path
                                                                 : nullptr;
    if (!value || i + 1 == argc) {
      std::fprintf(stderr, "tokenizer_bench [--model DIR] [--corpus FILE] [Google Benchmark's flags]\n");
      return 2;
    }
    *value = argv[i + 1];
  }
  try {
    benchmark::RunSpecifiedBenchmarks();
  } catch (const encore::Error& error) {
    std::fprintf(stderr, "tokenizer_bench: %s\n", error.what());
    return error.exit_code();
  }
}
