// The merging of byte-level BPE: a word's symbols, joined pair by pair, lowest rank first, leftmost among equals.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace encore {

// (left id, right id) -> (rank, joined id): open addressing with linear probing, at most half full.
class MergeTable {
 public:
  struct Entry {
    uint64_t key;  // kEmpty: free
    uint32_t rank;
    int32_t id;
  };
  static constexpr uint64_t kEmpty = ~uint64_t(0);

  MergeTable() : MergeTable(0) {}
  explicit MergeTable(size_t count);

  // A pair that is inserted twice keeps the later entry.
  void insert(int32_t left, int32_t right, uint32_t rank, int32_t id);

  // nullptr if the pair is not merged.
  const Entry* find(int32_t left, int32_t right) const {
    const uint64_t key = key_of(left, right);
    for (size_t at = slot_of(key);; at = (at + 1) & mask_) {
      const Entry& entry = entries_[at];
      if (entry.key == key) return &entry;
      if (entry.key == kEmpty) return nullptr;
    }
  }

 private:
  static uint64_t key_of(int32_t left, int32_t right) { return uint64_t(uint32_t(left)) << 32 | uint32_t(right); }
  size_t slot_of(uint64_t key) const { return size_t((key * 0x9e3779b97f4a7c15ull) >> 32) & mask_; }

  std::vector<Entry> entries_;
  size_t mask_;
};

// Merges symbols[0, count) in place; returns how many remain. Any length: short words are scanned, long ones use a
// heap.
size_t merge_symbols(const MergeTable& merges, int32_t* symbols, size_t count);

}  // namespace encore
