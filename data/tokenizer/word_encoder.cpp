#include "data/tokenizer/word_encoder.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "data/tokenizer/word_cutter.h"

namespace encore {

static_assert(kMaxTokenIds <= 1 << 24, "WordCache keeps a number in the top byte of an id");

WordEncoder::WordEncoder(const ByteLevelBpe& bpe, std::vector<int32_t>& ids, std::vector<uint8_t>* word_starts)
    : bpe_(bpe),
      pre_(PreTokenizer::instance()),
      cache_(WordCache::of_this_thread(bpe.serial())),
      ids_(ids),
      word_starts_(word_starts) {}

void WordEncoder::add_words(std::string_view text) {
  WordCutter cutter(pre_, text);
  Pending words[WordCutter::kBlock];
  const char* const end = text.data() + text.size();
  const char* begin = text.data();
  const auto prepare = [&](Pending& word, const char* next) {
    word.word = begin;
    word.size = size_t(next - begin);
    if (word.size <= WordCache::kShortBytes) {
      word.key = WordCache::short_key(begin, word.size, size_t(end - begin));
      word.bucket = WordCache::bucket_of(word.key);
      cache_.prefetch(word.bucket);
    }
    begin = next;
  };
  const auto add = [&](const Pending& word) {
    if (word.size <= WordCache::kShortBytes)
      add_short(word);
    else
      add_word(word.word, word.size);
  };
  size_t at = 0;
  for (uint64_t starts; cutter.next(at, starts);) {
    // All places of a block are prefetched before the first is needed: most lie outside of the L1 cache.
    size_t count = 0;
    if (at == 0) starts &= starts - 1;
    for (; starts != 0; starts &= starts - 1) prepare(words[count++], text.data() + at + std::countr_zero(starts));
    for (size_t i = 0; i < count; ++i) add(words[i]);
  }
  prepare(words[0], end);
  add(words[0]);
  flush();
}

inline void WordEncoder::add_short(const Pending& word) {
  if (const WordCache::ShortEntry* entry = cache_.find(word.key, word.bucket)) {
    if (count_ > kRoom) flush();
    count_ += entry->copy_to(buffer_ + count_, starts_ + count_);
    return;
  }
  add_word(word.word, word.size);
}

void WordEncoder::add_word(const char* word, size_t size) {
  if (size > WordCache::kLongBytes) {
    merge_word(word, size);
    emit(symbols_.data(), symbols_.size());
    return;
  }
  const WordCache::LongKey key = WordCache::long_key(word, size);
  WordCache::LongEntry& entry = cache_.long_slot(key, size);
  if (entry.holds(key, size)) {
    emit(entry.ids, entry.count);
    return;
  }
  merge_word(word, size);
  const size_t count = symbols_.size();
  emit(symbols_.data(), count);
  if (count == 0) return;
  if (size <= WordCache::kShortBytes && count <= WordCache::kShortIds) {
    const auto short_key = WordCache::short_key(word, size, size);
    cache_.insert(short_key, WordCache::bucket_of(short_key), symbols_.data(), count);
  } else if (count <= WordCache::kLongIds) {
    entry.set(key, size, symbols_.data(), count);
  }
}

void WordEncoder::merge_word(const char* word, size_t size) {
  symbols_.clear();
  const ByteLevelBpe::MissingBytes missing = bpe_.missing_bytes();
  for (size_t i = 0; i < size; ++i) {
    const int32_t id = bpe_.byte_id(uint8_t(word[i]));
    if (id >= 0)
      symbols_.push_back(id);
    else if (missing.unk >= 0 && !(missing.fuse && i > 0 && bpe_.byte_id(uint8_t(word[i - 1])) < 0))
      symbols_.push_back(missing.unk);
  }
  symbols_.resize(merge_symbols(bpe_.merge_table(), symbols_.data(), symbols_.size()));
}

void WordEncoder::emit(const int32_t* ids, size_t count) {
  for (size_t done = 0; done < count;) {
    if (count_ >= kRoom) flush();
    const size_t n = std::min(count - done, kRoom - count_);
    std::copy_n(ids + done, n, buffer_ + count_);
    std::fill_n(starts_ + count_, n, uint8_t(0));
    if (done == 0) starts_[count_] = 1;
    done += n;
    count_ += n;
  }
}

void WordEncoder::flush() {
  ids_.insert(ids_.end(), buffer_, buffer_ + count_);
  if (word_starts_) word_starts_->insert(word_starts_->end(), starts_, starts_ + count_);
  count_ = 0;
}

}  // namespace encore
