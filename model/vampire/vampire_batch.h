// A batch of bags of words as VampireModel takes it, on the host.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace encore {

// R documents in compressed rows: document r has the entries row_start[r] .. row_start[r + 1].
struct VampireBatch {
  std::vector<int32_t> row_start{0};    // [R+1]
  std::vector<int32_t> column;          // [E] words, rising within a document, 0 < word < vocabulary
  std::vector<float> value;             // [E] counts or TF-IDF weights, >= 0
  std::vector<uint64_t> document_keys;  // [R] example_key(epoch, index): they key the noise and the dropout of training

  int64_t documents() const { return int64_t(row_start.size()) - 1; }
  int64_t entries() const { return int64_t(column.size()); }

  void add(std::span<const int32_t> columns, std::span<const float> values, uint64_t document_key = 0) {
    column.insert(column.end(), columns.begin(), columns.end());
    value.insert(value.end(), values.begin(), values.end());
    row_start.push_back(int32_t(column.size()));
    document_keys.push_back(document_key);
  }
  // Keeps the memory.
  void clear() {
    row_start.assign(1, 0);
    column.clear();
    value.clear();
    document_keys.clear();
  }
};

// Throws Error naming the document, the entry and the value: lists of lengths that do not fit, a word that is not in 1
// .. vocabulary - 1 or does not rise, a value that is negative or not finite.
void check_batch(const VampireBatch&, int64_t vocabulary);

}  // namespace encore
