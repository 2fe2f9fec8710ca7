#include "data/tokenizer/bpe_merge.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <queue>
#include <tuple>

namespace encore {
namespace {

constexpr size_t kScanLimit = 48;
constexpr uint32_t kNoRank = std::numeric_limits<uint32_t>::max();

struct Merge {
  uint32_t rank = kNoRank;
  int32_t id = -1;
};

Merge find_merge(const MergeTable& merges, int32_t left, int32_t right) {
  const MergeTable::Entry* entry = merges.find(left, right);
  return entry ? Merge{entry->rank, entry->id} : Merge{};
}

// Keeps the rank of every pair of neighbours, and finds the least by a scan.
size_t merge_by_scan(const MergeTable& merges, int32_t* symbols, size_t count) {
  Merge pairs[kScanLimit];
  for (size_t i = 0; i + 1 < count; ++i) pairs[i] = find_merge(merges, symbols[i], symbols[i + 1]);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i)
      if (pairs[i].rank < pairs[best].rank) best = i;
    if (pairs[best].rank == kNoRank) break;
    symbols[best] = pairs[best].id;
    --count;
    for (size_t i = best + 1; i < count; ++i) symbols[i] = symbols[i + 1];
    for (size_t i = best + 1; i + 1 < count; ++i) pairs[i] = pairs[i + 1];
    if (best > 0) pairs[best - 1] = find_merge(merges, symbols[best - 1], symbols[best]);
    if (best + 1 < count) pairs[best] = find_merge(merges, symbols[best], symbols[best + 1]);
  }
  return count;
}

// A heap of candidate merges over a linked list of symbols. Candidates whose pair has changed are skipped.
class HeapMerger {
 public:
  HeapMerger(const MergeTable& merges, int32_t* symbols, size_t count)
      : merges_(merges), symbols_(symbols), previous_(count), next_(count) {
    for (size_t i = 0; i < count; ++i) {
      previous_[i] = i - 1;
      next_[i] = i + 1;
    }
  }

  size_t run() {
    const size_t count = next_.size();
    for (size_t i = 0; i + 1 < count; ++i) push(i);
    while (!heap_.empty()) {
      const Candidate top = heap_.top();
      heap_.pop();
      const size_t left = top.at;
      const size_t right = next_[left];
      if (symbols_[left] != top.left || right >= count || symbols_[right] != top.right) continue;
      symbols_[left] = top.id;
      symbols_[right] = kGone;
      next_[left] = next_[right];
      if (next_[left] < count) previous_[next_[left]] = left;
      if (left > 0) push(previous_[left]);
      if (next_[left] < count) push(left);
    }
    return size_t(std::remove(symbols_, symbols_ + count, kGone) - symbols_);
  }

 private:
  static constexpr int32_t kGone = std::numeric_limits<int32_t>::min();
  struct Candidate {
    uint32_t rank;
    size_t at;
    int32_t left, right, id;
    bool operator>(const Candidate& other) const { return std::tie(rank, at) > std::tie(other.rank, other.at); }
  };

  void push(size_t at) {
    const int32_t left = symbols_[at], right = symbols_[next_[at]];
    const Merge merge = find_merge(merges_, left, right);
    if (merge.rank != kNoRank) heap_.push({merge.rank, at, left, right, merge.id});
  }

  const MergeTable& merges_;
  int32_t* symbols_;
  std::vector<size_t> previous_, next_;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap_;
};

}  // namespace

MergeTable::MergeTable(size_t count)
    : entries_(std::bit_ceil(std::max<size_t>(2, 2 * count)), Entry{kEmpty, kNoRank, -1}), mask_(entries_.size() - 1) {}

void MergeTable::insert(int32_t left, int32_t right, uint32_t rank, int32_t id) {
  const uint64_t key = key_of(left, right);
  size_t at = slot_of(key);
  while (entries_[at].key != kEmpty && entries_[at].key != key) at = (at + 1) & mask_;
  entries_[at] = {key, rank, id};
}

size_t merge_symbols(const MergeTable& merges, int32_t* symbols, size_t count) {
  if (count < 2) return count;
  if (count <= kScanLimit) return merge_by_scan(merges, symbols, count);
  return HeapMerger(merges, symbols, count).run();
}

}  // namespace encore
