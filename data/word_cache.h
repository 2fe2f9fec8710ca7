// The ids of words seen before, per thread: most words of a text are among a few thousand.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace encore {

// Direct-mapped: a word takes the place of whichever had its slot. An entry is one cache line.
class WordCache {
 public:
  static constexpr size_t kMaxBytes = 24, kMaxIds = 9;
  static constexpr size_t kEntries = size_t(1) << 15;  // 2 MiB

  struct Key {  // the word's bytes, zero-padded
    uint64_t part[3];
    bool operator==(const Key&) const = default;
  };

  struct alignas(64) Entry {
    Key key;
    int32_t ids[kMaxIds];
    uint8_t size, count;  // bytes, ids; count 0: free

    void set(const Key& word, size_t word_size, const int32_t* word_ids, size_t id_count) {
      key = word;
      size = uint8_t(word_size);
      count = uint8_t(id_count);
      std::copy_n(word_ids, id_count, ids);
    }
  };
  static_assert(sizeof(Entry) == 64);

  // This thread's cache, emptied if another tokenizer used it last.
  static WordCache& of_this_thread(uint64_t tokenizer_serial) {
    thread_local WordCache cache;
    if (cache.owner_ != tokenizer_serial) {
      cache.entries_.assign(kEntries, Entry{});
      cache.owner_ = tokenizer_serial;
    }
    return cache;
  }

  // size in [1, kMaxBytes]; `readable` >= size bytes may be read from `word` on.
  static Key key_of(const char* word, size_t size, size_t readable) {
    Key key{};
    if (readable < kMaxBytes) {
      std::memcpy(key.part, word, size);
      return key;
    }
    // Fixed-size loads and a mask: a memcpy of unknown length costs more than the rest of the look-up.
    std::memcpy(key.part, word, kMaxBytes);
    const size_t last = (size - 1) / 8;
    key.part[last] &= ~uint64_t(0) >> (8 * (8 * (last + 1) - size));
    for (size_t i = last + 1; i < 3; ++i) key.part[i] = 0;
    return key;
  }

  Entry& slot(const Key& key, size_t size) {
    uint64_t h = (key.part[0] ^ size) * 0x9e3779b97f4a7c15ull;
    h = (h ^ (h >> 29) ^ key.part[1]) * 0xbf58476d1ce4e5b9ull;
    h = (h ^ (h >> 32) ^ key.part[2]) * 0x94d049bb133111ebull;
    return entries_[(h >> 40) & (kEntries - 1)];
  }

 private:
  uint64_t owner_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace encore
