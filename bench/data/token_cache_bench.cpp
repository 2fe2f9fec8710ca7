// Building a token cache, and opening one, beside tokenizing the same text in memory: MB/s of text.
//
//   ENCORE_BENCH_TEXT=cs.jsonl.zst ENCORE_BENCH_TOKENIZER=roberta-base build/bench/token_cache_bench
//
// Without these: the bundled example text and the bundled model's tokenizer. Arguments are threads.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "data/cache/token_cache.h"
#include "data/readers/corpus_reader.h"
#include "data/tokenizer/tokenizer.h"
#include "kernels/base/program_path.h"

namespace encore {
namespace {

std::string setting(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value ? value : project_path(fallback);
}

const Tokenizer& tokenizer() {
  static const Tokenizer t = Tokenizer::load(setting("ENCORE_BENCH_TOKENIZER", "models/encore-mini"));
  return t;
}

struct Corpus {
  std::string cache_dir = (std::filesystem::temp_directory_path() / "encore-cache-bench").string();
  TokenCacheOptions options;
  std::vector<std::string> texts;
  int64_t bytes = 0;

  Corpus() {
    options.corpus.files = {setting("ENCORE_BENCH_TEXT", "examples/gene_ontology/train.txt")};
    options.dir = cache_dir;
    CorpusReader reader(options.corpus.files, options.corpus);
    for (std::string text; reader.next(text); bytes += int64_t(texts.back().size())) texts.push_back(std::move(text));
  }
  ~Corpus() { std::filesystem::remove_all(cache_dir); }
};

Corpus& corpus() {
  static Corpus c;
  return c;
}

// Computes the cache's content for each document and drops it, in batches of the builder's size.
void tokenize_in_memory(benchmark::State& state) {
  const Corpus& c = corpus();
  const size_t threads = size_t(state.range(0));
  for (auto _ : state) {
    std::atomic<size_t> next{0};
    const auto work = [&] {
      std::vector<int32_t> ids;
      std::vector<uint8_t> words;
      constexpr size_t kAtOnce = 256;
      for (size_t begin; (begin = next.fetch_add(kAtOnce)) < c.texts.size();) {
        ids.clear();
        words.clear();
        for (size_t d = begin; d < std::min(begin + kAtOnce, c.texts.size()); ++d)
          tokenizer().encode_words(c.texts[d], ids, words);
        benchmark::DoNotOptimize(ids.data());
      }
    };
    std::vector<std::thread> team;
    for (size_t t = 1; t < threads; ++t) team.emplace_back(work);
    work();
    for (std::thread& thread : team) thread.join();
  }
  state.SetBytesProcessed(int64_t(state.iterations()) * c.bytes);
}

void read_alone(benchmark::State& state) {
  const Corpus& c = corpus();
  for (auto _ : state) {
    CorpusReader reader(c.options.corpus.files, c.options.corpus);
    for (std::string text; reader.next(text);) benchmark::DoNotOptimize(text.data());
  }
  state.SetBytesProcessed(int64_t(state.iterations()) * c.bytes);
}

void build_cache(benchmark::State& state) {
  Corpus& c = corpus();
  c.options.threads = int(state.range(0));
  for (auto _ : state) {
    std::filesystem::remove_all(c.cache_dir);
    benchmark::DoNotOptimize(TokenCache::open(c.options, tokenizer()));
  }
  state.SetBytesProcessed(int64_t(state.iterations()) * c.bytes);
}

void open_cache(benchmark::State& state) {
  Corpus& c = corpus();
  TokenCache::open(c.options, tokenizer());
  for (auto _ : state) benchmark::DoNotOptimize(TokenCache::open(c.options, tokenizer()));
}

BENCHMARK(read_alone)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(tokenize_in_memory)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(build_cache)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(open_cache)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace encore

BENCHMARK_MAIN();
