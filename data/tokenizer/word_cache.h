// The ids of recent words, for each thread: most words of a text are among a few thousand.
//
// Words of at most 15 bytes and 4 ids (all but one or two in a hundred) lie two to a cache line. Longer ones, up to 24
// bytes and 9 ids, lie in a second table, one to a line.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace encore {

class WordCache {
 public:
  static constexpr size_t kShortBytes = 15, kShortIds = 4;
  static constexpr size_t kBuckets = size_t(1) << 16;  // 4 MiB
  static constexpr size_t kLongBytes = 24, kLongIds = 9;
  static constexpr size_t kLongEntries = size_t(1) << 12;  // 256 KiB

  // The word's bytes, zero-padded, its size in the last one.
  struct ShortKey {
    uint64_t low, high;
    bool operator==(const ShortKey& other) const { return ((low ^ other.low) | (high ^ other.high)) == 0; }
  };

  struct ShortEntry {
    ShortKey key;            // size 0: unused
    int32_t ids[kShortIds];  // their number is in the top byte of the first one: ids are below 2^24

    // Writes kShortIds ids and marks (1, 0, 0, 0). Returns how many of them are valid.
    size_t copy_to(int32_t* out, uint8_t* starts) const {
      const __m128i all = _mm_load_si128(reinterpret_cast<const __m128i*>(ids));
      const __m128i pure = _mm_and_si128(all, _mm_set_epi32(-1, -1, -1, 0xffffff));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), pure);
      const uint32_t first = 1;
      std::memcpy(starts, &first, kShortIds);
      return size_t(uint32_t(ids[0]) >> 24);
    }
  };
  struct alignas(64) Bucket {
    alignas(16) ShortEntry entries[2];  // the one used last before the other
  };
  static_assert(sizeof(Bucket) == 64);

  struct LongKey {  // the word's bytes, zero-padded
    uint64_t part[3];
    bool operator==(const LongKey&) const = default;
  };
  struct alignas(64) LongEntry {
    LongKey key;
    int32_t ids[kLongIds];
    uint8_t size, count;  // bytes, ids; count 0: free

    bool holds(const LongKey& word, size_t word_size) const { return size == word_size && count > 0 && key == word; }
    void set(const LongKey& word, size_t word_size, const int32_t* word_ids, size_t id_count) {
      key = word;
      size = uint8_t(word_size);
      count = uint8_t(id_count);
      std::copy_n(word_ids, id_count, ids);
    }
  };
  static_assert(sizeof(LongEntry) == 64);

  // This thread's cache, emptied if another tokenizer used it last.
  static WordCache& of_this_thread(uint64_t tokenizer_serial) {
    thread_local WordCache cache;
    if (cache.owner_ != tokenizer_serial) {
      cache.buckets_.assign(kBuckets, Bucket{});
      cache.long_entries_.assign(kLongEntries, LongEntry{});
      cache.owner_ = tokenizer_serial;
    }
    return cache;
  }

  // size in [1, kShortBytes]; `readable` >= size: bytes at `word` that may be read.
  static ShortKey short_key(const char* word, size_t size, size_t readable) {
    ShortKey key{};
    if (readable >= 16) [[likely]] {
      // A load of fixed size, then cut: a memcpy of variable length would cost more than the rest of the look-up.
      std::memcpy(&key, word, 16);
      key.low = _bzhi_u64(key.low, unsigned(8 * size));
      key.high = _bzhi_u64(key.high, size > 8 ? unsigned(8 * size - 64) : 0u);
    } else {
      std::memcpy(&key, word, size);
    }
    key.high |= uint64_t(size) << 56;
    return key;
  }
  static size_t bucket_of(const ShortKey& key) {
    const auto product =
        static_cast<unsigned __int128>(key.low ^ 0x9e3779b97f4a7c15ull) * (key.high ^ 0xd1b54a32d192ed03ull);
    return (uint64_t(product) ^ uint64_t(product >> 64)) % kBuckets;
  }
  void prefetch(size_t bucket) const { _mm_prefetch(reinterpret_cast<const char*>(&buckets_[bucket]), _MM_HINT_T0); }

  // nullptr if the word is not there.
  const ShortEntry* find(const ShortKey& key, size_t bucket) {
    ShortEntry* entries = buckets_[bucket].entries;
    if (entries[0].key == key) [[likely]]
      return &entries[0];
    if (!(entries[1].key == key)) return nullptr;
    std::swap(entries[0], entries[1]);
    return &entries[0];
  }
  // count in [1, kShortIds]. Replaces the less recently used word of its bucket.
  void insert(const ShortKey& key, size_t bucket, const int32_t* ids, size_t count) {
    ShortEntry* entries = buckets_[bucket].entries;
    entries[1] = entries[0];
    entries[0] = {key, {}};
    std::copy_n(ids, count, entries[0].ids);
    entries[0].ids[0] |= int32_t(count << 24);
  }

  // size in [1, kLongBytes].
  static LongKey long_key(const char* word, size_t size) {
    LongKey key{};
    std::memcpy(key.part, word, size);
    return key;
  }
  LongEntry& long_slot(const LongKey& key, size_t size) {
    uint64_t h = (key.part[0] ^ size) * 0x9e3779b97f4a7c15ull;
    h = (h ^ (h >> 29) ^ key.part[1]) * 0xbf58476d1ce4e5b9ull;
    h = (h ^ (h >> 32) ^ key.part[2]) * 0x94d049bb133111ebull;
    return long_entries_[(h >> 40) % kLongEntries];
  }

 private:
  uint64_t owner_ = 0;
  std::vector<Bucket> buckets_;
  std::vector<LongEntry> long_entries_;
};

}  // namespace encore
