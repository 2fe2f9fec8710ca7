#include "data/tokenizer/bpe_trainer.h"

#include <omp.h>

#include <algorithm>
#include <queue>
#include <unordered_map>
#include <utility>
#include <vector>

#include "data/tokenizer/byte_letters.h"
#include "data/tokenizer/pretokenizer.h"
#include "data/tokenizer/vocabulary.h"
#include "kernels/base/check.h"
#include "kernels/base/thread_team.h"
#include "kernels/base/usable_cores.h"

namespace encore {
namespace {

using WordCounts = std::unordered_map<std::string, int64_t, StringHash, std::equal_to<>>;

constexpr size_t kBlockBytes = size_t(16) << 20;

void count_words(std::string_view text, WordCounts& counts) {
  const PreTokenizer& pre = PreTokenizer::instance();
  for (size_t at = 0; at < text.size();) {
    const size_t end = pre.word_end(text, at);
    const std::string_view word = text.substr(at, end - at);
    const auto found = counts.find(word);
    if (found != counts.end())
      ++found->second;
    else
      counts.emplace(word, 1);
    at = end;
  }
}

// Every distinct word of the source with its count. Documents are read in blocks; each block is counted in parallel.
WordCounts count_source(const DocumentSource& source, int threads,
                        const std::function<void(const char*, double)>& progress) {
  std::vector<WordCounts> partial(static_cast<size_t>(threads));
  LoopFailure failure;
  std::vector<std::string> block;
  bool more = true;
  while (more) {
    block.clear();
    std::string document;
    for (size_t bytes = 0; bytes < kBlockBytes && (more = source(document)); bytes += block.back().size())
      block.push_back(std::move(document)), document.clear();
#pragma omp parallel for schedule(dynamic, 8) num_threads(threads)
    for (size_t i = 0; i < block.size(); ++i)
      failure.guard([&] { count_words(block[i], partial[size_t(omp_get_thread_num())]); });
    failure.rethrow();
    if (progress) progress("counting words", -1);
  }
  WordCounts counts = std::move(partial[0]);
  for (size_t t = 1; t < partial.size(); ++t)
    for (auto& [word, count] : partial[t]) counts[word] += count;
  return counts;
}

using Pair = uint64_t;  // left id << 32 | right id: its order is the order by (left, right)
Pair pair_of(int32_t left, int32_t right) {
  return uint64_t(uint32_t(left)) << 32 | uint32_t(right);
}
int32_t left_of(Pair pair) {
  return int32_t(pair >> 32);
}
int32_t right_of(Pair pair) {
  return int32_t(pair & 0xffffffffu);
}

struct PairHash {
  size_t operator()(Pair pair) const {
    const uint64_t h = (pair ^ (pair >> 31)) * 0x9e3779b97f4a7c15ull;
    return h ^ (h >> 32);
  }
};

// Joins the most frequent pair until enough is learnt. Pair counts are exact; the queue holds upper bounds, which are
// corrected when they reach the top.
class MergeLearner {
 public:
  MergeLearner(std::vector<std::string> tokens, const WordCounts& counts) : tokens_(std::move(tokens)) {
    for (size_t id = 0; id < tokens_.size(); ++id) ids_.emplace(tokens_[id], int32_t(id));
    int32_t byte_ids[256];
    for (unsigned b = 0; b < 256; ++b) {
      const char byte = char(b);
      byte_ids[b] = ids_.find(letters_of_bytes({&byte, 1}))->second;
    }
    for (const auto& [text, count] : counts) {
      if (text.size() < 2) continue;
      Word word{count, uint32_t(symbols_.size()), uint32_t(text.size())};
      check(symbols_.size() + text.size() <= UINT32_MAX, "the distinct words of the text exceed 4 GiB");
      for (const char c : text) symbols_.push_back(byte_ids[static_cast<unsigned char>(c)]);
      words_.push_back(word);
    }
    count_pairs();
  }

  // Learns until there are `target` tokens or no pair occurs min_frequency times.
  void learn(size_t target, int64_t min_frequency, const std::function<void(const char*, double)>& progress) {
    const size_t start = tokens_.size();
    while (tokens_.size() < target && !queue_.empty()) {
      Candidate top = queue_.top();
      queue_.pop();
      const int64_t count = pairs_[top.pair].count;
      if (count != top.count) {
        top.count = count;
        if (count > 0) queue_.push(top);
        continue;
      }
      if (count < std::max<int64_t>(1, min_frequency)) break;
      join(top.pair);
      if (progress && merges_.size() % 256 == 0)
        progress("learning merges", double(tokens_.size() - start) / double(target - start));
    }
  }

  std::vector<std::string>& tokens() { return tokens_; }
  const std::vector<std::pair<int32_t, int32_t>>& merges() const { return merges_; }

 private:
  struct Word {
    int64_t count;
    uint32_t begin, size;  // its symbols
  };
  struct PairInfo {
    int64_t count = 0;
    std::vector<uint32_t> words;  // with the pair, now or earlier; may repeat
  };
  struct Candidate {
    int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  void count_pairs() {
    for (uint32_t w = 0; w < words_.size(); ++w) {
      const Word& word = words_[w];
      for (uint32_t i = 0; i + 1 < word.size; ++i) {
        const int32_t* at = &symbols_[word.begin + i];
        change(pair_of(at[0], at[1]), word.count, w);
      }
    }
    for (const auto& [pair, info] : pairs_) queue_.push({info.count, pair});
  }

  void change(Pair pair, int64_t delta, uint32_t word) {
    PairInfo& info = pairs_[pair];
    info.count += delta;
    if (delta > 0 && (info.words.empty() || info.words.back() != word)) info.words.push_back(word);
  }

  void join(Pair pair) {
    const int32_t left = left_of(pair), right = right_of(pair);
    const std::string text = tokens_[size_t(left)] + tokens_[size_t(right)];
    // Two ways of joining may spell the same token: then it is one token with two merges.
    const auto [entry, fresh] = ids_.emplace(text, int32_t(tokens_.size()));
    if (fresh) tokens_.push_back(text);
    const int32_t joined = entry->second;
    merges_.emplace_back(left, right);
    const std::vector<uint32_t> holders = std::move(pairs_[pair].words);
    grown_.clear();
    for (const uint32_t w : holders) join_in(w, left, right, joined);
    pairs_[pair] = PairInfo{};
    std::sort(grown_.begin(), grown_.end());
    grown_.erase(std::unique(grown_.begin(), grown_.end()), grown_.end());
    for (const Pair p : grown_)
      if (pairs_[p].count > 0) queue_.push({pairs_[p].count, p});
  }

  void join_in(uint32_t w, int32_t left, int32_t right, int32_t joined) {
    Word& word = words_[w];
    int32_t* s = &symbols_[word.begin];
    uint32_t to = 0;
    for (uint32_t from = 0; from < word.size;) {
      if (from + 1 >= word.size || s[from] != left || s[from + 1] != right) {
        s[to++] = s[from++];
        continue;
      }
      if (to > 0) {
        change(pair_of(s[to - 1], left), -word.count, w);
        grow(pair_of(s[to - 1], joined), word.count, w);
      }
      from += 2;
      if (from < word.size) {
        change(pair_of(right, s[from]), -word.count, w);
        grow(pair_of(joined, s[from]), word.count, w);
      }
      s[to++] = joined;
    }
    word.size = to;
  }

  void grow(Pair pair, int64_t count, uint32_t word) {
    change(pair, count, word);
    grown_.push_back(pair);
  }

  std::vector<std::string> tokens_;
  TokenIds ids_;
  std::vector<std::pair<int32_t, int32_t>> merges_;
  std::vector<Word> words_;
  std::vector<int32_t> symbols_;
  std::unordered_map<Pair, PairInfo, PairHash> pairs_;
  std::priority_queue<Candidate> queue_;
  std::vector<Pair> grown_;  // in the current join
};

std::vector<std::string> initial_tokens() {
  std::vector<std::string> tokens = {"<s>", "<pad>", "</s>", "<unk>"};
  std::vector<std::pair<char32_t, uint8_t>> letters;
  for (unsigned b = 0; b < 256; ++b) letters.emplace_back(letter_of_byte(uint8_t(b)), uint8_t(b));
  std::sort(letters.begin(), letters.end());
  for (const auto& [letter, b] : letters) {
    const char byte = char(b);
    tokens.push_back(letters_of_bytes({&byte, 1}));
  }
  return tokens;
}

}  // namespace

Tokenizer train_bpe(const DocumentSource& source, const BpeTrainerOptions& options) {
  check(options.vocab_size >= 261, "vocab_size {} is below 261 = 5 special tokens + 256 bytes", options.vocab_size);
  check(options.vocab_size <= 1 << 21, "vocab_size {} is above {}", options.vocab_size, 1 << 21);
  check(options.min_frequency >= 1, "min_frequency {} is below 1", options.min_frequency);
  const int threads = loop_threads(options.threads);
  const WordCounts counts = count_source(source, threads, options.progress);
  check(!counts.empty(), "there is no text to learn a tokenizer from");
  MergeLearner learner(initial_tokens(), counts);
  learner.learn(size_t(options.vocab_size) - 1, options.min_frequency, options.progress);

  std::vector<std::string> tokens = std::move(learner.tokens());
  std::vector<std::pair<std::string, std::string>> merges;
  for (const auto& [left, right] : learner.merges()) merges.emplace_back(tokens[size_t(left)], tokens[size_t(right)]);
  tokens.push_back("<mask>");
  return Tokenizer::from_parts(std::move(tokens), std::move(merges));
}

}  // namespace encore
