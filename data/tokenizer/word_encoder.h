// The encoding of ByteLevelBpe: words are found 64 bytes at a time; their ids come from this thread's word cache, or
// the word is merged.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "data/tokenizer/byte_level_bpe.h"
#include "data/tokenizer/pretokenizer.h"
#include "data/tokenizer/word_cache.h"

namespace encore {

// One object serves one call of add_words.
class WordEncoder {
 public:
  // Appends to `ids` and, if given, to `word_starts` (1 where an id starts a word, else 0).
  WordEncoder(const ByteLevelBpe& bpe, std::vector<int32_t>& ids, std::vector<uint8_t>* word_starts);

  void add_words(std::string_view text);  // not empty

 private:
  // A word. For one of at most WordCache::kShortBytes, its place in the cache is being fetched.
  struct Pending {
    WordCache::ShortKey key;
    size_t bucket;
    const char* word;
    size_t size;
  };
  static constexpr size_t kRoom = 4096;

  void add_short(const Pending& word);
  void add_word(const char* word, size_t size);
  void merge_word(const char* word, size_t size);
  void emit(const int32_t* ids, size_t count);
  void flush();

  const ByteLevelBpe& bpe_;
  const PreTokenizer& pre_;
  WordCache& cache_;
  std::vector<int32_t>& ids_;
  std::vector<uint8_t>* word_starts_;
  std::vector<int32_t> symbols_;
  // Collected here, so that `ids` grows once for many words.
  size_t count_ = 0;
  int32_t buffer_[kRoom + WordCache::kShortIds];
  uint8_t starts_[kRoom + WordCache::kShortIds];
};

}  // namespace encore
