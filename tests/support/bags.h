// Random bags of words for tests of ops: as entries, by document and by word.
#pragma once

#include <algorithm>
#include <random>

#include "kernels/ops/bags.h"
#include "tests/reference/vampire_reference.h"
#include "tests/support/op_test.h"

namespace encore::test {

struct HostBags {
  std::vector<reference::Entry> entries;  // (document, word, value), by document
  Values row_start{0}, column, value;
  Values word_start{0}, document, value_by_word;

  std::vector<reference::Entry> by_word() const {
    std::vector<reference::Entry> sorted = entries;
    for (reference::Entry& e : sorted) std::swap(e.row, e.column);
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    return sorted;
  }
};

// Entries must stand by document.
inline HostBags bags_of(const std::vector<reference::Entry>& entries, int64_t documents, int64_t words) {
  HostBags b{.entries = entries};
  size_t next = 0;
  for (int64_t r = 0; r < documents; ++r) {
    for (; next < entries.size() && entries[next].row == r; ++next) {
      b.column.push_back(double(entries[next].column));
      b.value.push_back(entries[next].value);
    }
    b.row_start.push_back(double(next));
  }
  const auto sorted = b.by_word();
  for (int64_t w = 0, i = 0; w < words; ++w) {
    for (; i < int64_t(sorted.size()) && sorted[size_t(i)].row == w; ++i) {
      b.document.push_back(double(sorted[size_t(i)].column));
      b.value_by_word.push_back(sorted[size_t(i)].value);
    }
    b.word_start.push_back(double(i));
  }
  return b;
}

// Some documents are empty, word 0 has no entry where there are others, and the last word is in most documents.
inline HostBags random_bags(std::mt19937_64& random, int64_t documents, int64_t words, double share = 0.1) {
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<reference::Entry> entries;
  for (int64_t r = 0; r < documents; ++r) {
    if (documents > 2 && uniform(random) < 0.1) continue;
    for (int64_t w = words > 1; w < words; ++w)
      if (uniform(random) < (w == words - 1 ? 0.8 : share))
        entries.push_back({r, w, double(float(w % 2 ? 1 + std::floor(3 * uniform(random)) : uniform(random)))});
  }
  return bags_of(entries, documents, words);
}

class BagTest : public OpTest {
 protected:
  Bags upload(const HostBags& b) {
    return {.row_start = given(DType::kI32, 1, int64_t(b.row_start.size()), b.row_start),
            .column = given(DType::kI32, 1, int64_t(b.column.size()), b.column),
            .value = given(DType::kF32, 1, int64_t(b.value.size()), b.value)};
  }
  BagsByWord upload_by_word(const HostBags& b) {
    return {.word_start = given(DType::kI32, 1, int64_t(b.word_start.size()), b.word_start),
            .document = given(DType::kI32, 1, int64_t(b.document.size()), b.document),
            .value = given(DType::kF32, 1, int64_t(b.value_by_word.size()), b.value_by_word)};
  }
};

}  // namespace encore::test
