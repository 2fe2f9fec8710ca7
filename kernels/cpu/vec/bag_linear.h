#pragma once

#include "kernels/cpu/vec/matrix.h"

namespace encore::cpu {

// y[i] (+)= sum over the entries start[i] .. start[i + 1] - 1 of value times the row `index` of `from`. Forward: the
// rows i are documents and `from` is W; backward: the rows are words and `from` is dy.
struct BagSums {
  const int32_t *start, *index;
  const float* value;
  VecMatrix from, y;
  const float* bias;  // what a row starts from; null: what it holds
  int64_t cols;
};

}  // namespace encore::cpu

// Rows begin .. end-1.
ENCORE_VEC_DECLARE(void, bag_sums, (const BagSums& a, int64_t begin, int64_t end));
