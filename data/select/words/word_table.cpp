#include "data/select/words/word_table.h"

namespace encore {

void WordTable::add(const WordTable& other) {
  // First, because words that come in the order of their hashes would fill the front of a table that is too small.
  while (4 * (used_ + other.used_) > 3 * entries_.size()) grow();
  for (const Entry& theirs : other.entries_) {
    if (!theirs.high) continue;
    Entry& mine = is_long(theirs) ? entry_of_long(other.long_word(theirs)) : entry_of(Key{theirs.low, theirs.high});
    mine.count += theirs.count;
    mine.documents += theirs.documents;
  }
}

std::string WordTable::word(const Entry& entry) const {
  if (is_long(entry)) return std::string(long_word(entry));
  char bytes[16];
  std::memcpy(bytes, &entry.low, 8);
  std::memcpy(bytes + 8, &entry.high, 8);
  return std::string(bytes, size_t(entry.high >> kLastByte));
}

WordTable::Entry& WordTable::entry_of_long(std::string_view word) {
  const uint64_t hash = hash_bytes(word);
  const size_t mask = entries_.size() - 1;
  size_t i = size_t(hash) & mask;
  for (; entries_[i].high; i = (i + 1) & mask)
    if (is_long(entries_[i]) && entries_[i].low == hash && long_word(entries_[i]) == word) return entries_[i];
  Entry& entry = take(i, {hash, uint64_t(letters_.size()) | kLong << kLastByte});
  const uint64_t size = word.size();
  letters_.append(reinterpret_cast<const char*>(&size), sizeof size);
  letters_ += word;
  return entry;
}

std::string_view WordTable::long_word(const Entry& entry) const {
  const size_t place = size_t(entry.high & ((uint64_t(1) << kLastByte) - 1));
  uint64_t size;
  std::memcpy(&size, letters_.data() + place, sizeof size);
  return std::string_view(letters_).substr(place + sizeof size, size);
}

WordTable::Entry& WordTable::take(size_t i, const Key& key) {
  Entry entry{.low = key.low, .high = key.high};
  if (4 * (used_ + 1) > 3 * entries_.size()) {
    grow();
    i = unused(hash_of(entry));
  }
  ++used_;
  return entries_[i] = entry;
}

size_t WordTable::unused(size_t hash) const {
  size_t i = hash & (entries_.size() - 1);
  while (entries_[i].high) i = (i + 1) & (entries_.size() - 1);
  return i;
}

void WordTable::grow() {
  const std::vector<Entry> smaller = std::exchange(entries_, std::vector<Entry>(2 * entries_.size()));
  for (const Entry& entry : smaller)
    if (entry.high) entries_[unused(hash_of(entry))] = entry;
}

}  // namespace encore
