// A hash table from words to counts. The words lie one behind the other in one buffer, so a new word costs no
// allocation of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/base/hash.h"

namespace encore {

class WordTable {
 public:
  struct Entry {
    uint64_t hash = 0, place = 0;  // place: of the word in the buffer
    uint32_t size = 0;             // in bytes; 0: unused
    int64_t count = 0;             // occurrences
    int64_t documents = 0;         // that hold the word
    int64_t last_document = -1;    // of these, for WordTable::add
  };

  WordTable() : entries_(kFirst) {}

  // An occurrence in a document. Documents are numbered from 0; an earlier one does not come back.
  void add(std::string_view word, int64_t document) {
    Entry& entry = entry_of(word);
    ++entry.count;
    entry.documents += entry.last_document != document;
    entry.last_document = document;
  }
  // Adds the counts of a table that has seen other documents.
  void add(const WordTable& other) {
    // First, because words that come in the order of their hashes would fill the front of a table that is too small.
    while (4 * (used_ + other.used_) > 3 * entries_.size()) grow();
    for (const Entry& theirs : other.entries_) {
      if (theirs.size == 0) continue;
      Entry& mine = entry_of(other.word(theirs));
      mine.count += theirs.count;
      mine.documents += theirs.documents;
    }
  }

  // Calls visit(entry) for every word, in no order.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Entry& entry : entries_)
      if (entry.size > 0) visit(entry);
  }
  std::string_view word(const Entry& entry) const { return std::string_view(letters_).substr(entry.place, entry.size); }
  int64_t words() const { return int64_t(used_); }

 private:
  static constexpr size_t kFirst = size_t(1) << 12;  // a power of two, as every later size

  // The word's entry, made where there is none. word: not empty.
  Entry& entry_of(std::string_view word) {
    const uint64_t hash = hash_bytes(word);
    Entry* entry = &slot(hash, word);
    if (entry->size > 0) return *entry;
    if (4 * (used_ + 1) > 3 * entries_.size()) {
      grow();
      entry = &slot(hash, word);
    }
    ++used_;
    entry->hash = hash;
    entry->place = letters_.size();
    entry->size = uint32_t(word.size());
    letters_ += word;
    return *entry;
  }

  // The entry that holds the word, or the unused one where it belongs.
  Entry& slot(uint64_t hash, std::string_view word) {
    const size_t mask = entries_.size() - 1;
    size_t i = hash & mask;
    while (entries_[i].size > 0 && (entries_[i].hash != hash || this->word(entries_[i]) != word)) i = (i + 1) & mask;
    return entries_[i];
  }

  void grow() {
    std::vector<Entry> larger(2 * entries_.size());
    for (const Entry& entry : entries_) {
      if (entry.size == 0) continue;
      size_t i = entry.hash & (larger.size() - 1);
      while (larger[i].size > 0) i = (i + 1) & (larger.size() - 1);
      larger[i] = entry;
    }
    entries_ = std::move(larger);
  }

  std::vector<Entry> entries_;
  std::string letters_;
  size_t used_ = 0;
};

}  // namespace encore
