#include "model/vampire/vampire_batch.h"

#include <cmath>

#include "kernels/base/check.h"

namespace encore {

void check_batch(const VampireBatch& b, int64_t vocabulary) {
  const auto same_size = [](const char* name, size_t size, int64_t want) {
    check(int64_t(size) == want, "batch: {} has {} entries, not {}", name, size, want);
  };
  check(!b.row_start.empty() && b.row_start.front() == 0 && b.row_start.back() == b.entries(),
        "batch: row_start must run from 0 to the {} entries", b.entries());
  same_size("value", b.value.size(), b.entries());
  same_size("document_keys", b.document_keys.size(), b.documents());
  for (int64_t r = 0; r < b.documents(); ++r) {
    check(b.row_start[r] <= b.row_start[r + 1], "batch: row_start falls at document {}", r);
    for (int32_t e = b.row_start[r], before = 0; e < b.row_start[r + 1]; before = b.column[e++]) {
      check(b.column[e] > before && b.column[e] < vocabulary,
            "batch: document {} has word {} after word {}: words rise from 1 to {}", r, b.column[e], before,
            vocabulary - 1);
      check(b.value[e] >= 0 && std::isfinite(b.value[e]), "batch: document {} has {} of word {}: 0 or more is expected",
            r, b.value[e], b.column[e]);
    }
  }
}

}  // namespace encore
