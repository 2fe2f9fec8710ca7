// A hash table from words to counts.
//
// A word of at most 15 bytes, as nearly all are, is its own key: two numbers that are compared at once. Longer ones lie
// one behind the other in a buffer, so that no word costs an allocation of its own.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/hash.h"

namespace encore {

class WordTable {
 public:
  // Bytes from the start of a word that must be readable.
  static constexpr size_t kReadable = 16;

  struct Entry {
    // At most 15 bytes: the bytes, zeros behind them, and their number in the last one. Longer words: the hash, then
    // the place in the buffer with kLong in the last byte.
    uint64_t low = 0, high = 0;  // high 0: unused
    int64_t count = 0;           // occurrences
    int64_t documents = 0;       // that hold the word
    int64_t last_document = -1;  // of these, for WordTable::add
  };

  WordTable() : entries_(kFirst) {}

  // An occurrence in a document. word: not empty. Documents are numbered from 0; an earlier one does not come back.
  void add(std::string_view word, int64_t document) {
    Entry& entry = word.size() <= kShort ? entry_of(short_key(word)) : entry_of_long(word);
    ++entry.count;
    entry.documents += entry.last_document != document;
    entry.last_document = document;
  }
  // Adds the counts of a table that has seen other documents.
  void add(const WordTable& other);

  // Calls visit(entry) for every word, in no order.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Entry& entry : entries_)
      if (entry.high) visit(entry);
  }
  std::string word(const Entry&) const;
  int64_t words() const { return int64_t(used_); }

 private:
  static constexpr size_t kFirst = size_t(1) << 12;  // a power of two, as every later size
  static constexpr size_t kShort = 15;
  static constexpr uint64_t kLong = 0xff;
  static constexpr int kLastByte = 56;

  struct Key {
    uint64_t low, high;
  };

  static Key short_key(std::string_view word) {
    Key key;
    // Loads of a fixed size, then cut: a copy of variable size would cost more than all the rest.
    std::memcpy(&key, word.data(), sizeof key);
    const auto bits = unsigned(8 * word.size());
    key.low = _bzhi_u64(key.low, bits);
    key.high = bits > 64 ? _bzhi_u64(key.high, bits - 64) : 0;
    key.high |= uint64_t(word.size()) << kLastByte;
    return key;
  }
  static size_t hash(const Key& key) {
    const auto product =
        static_cast<unsigned __int128>(key.low ^ 0x9e3779b97f4a7c15u) * (key.high ^ 0xd1b54a32d192ed03u);
    return size_t(uint64_t(product) ^ uint64_t(product >> 64));
  }
  static size_t hash_of(const Entry& entry) {
    return is_long(entry) ? size_t(entry.low) : hash({entry.low, entry.high});
  }
  static bool is_long(const Entry& entry) { return entry.high >> kLastByte == kLong; }

  Entry& entry_of(const Key& key) {
    const size_t mask = entries_.size() - 1;
    size_t i = hash(key) & mask;
    for (; entries_[i].high; i = (i + 1) & mask)
      if (((entries_[i].low ^ key.low) | (entries_[i].high ^ key.high)) == 0) return entries_[i];
    return take(i, key);
  }
  Entry& entry_of_long(std::string_view word);
  std::string_view long_word(const Entry&) const;

  // Makes the unused entry i one of this key.
  Entry& take(size_t i, const Key& key);
  size_t unused(size_t hash) const;
  void grow();

  std::vector<Entry> entries_;
  std::string letters_;  // of long words: the size in 8 bytes, then the word
  size_t used_ = 0;
};

}  // namespace encore
