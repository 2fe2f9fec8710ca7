#pragma once

#include "kernels/cpu/vec/matrix.h"

namespace encore::cpu {

struct EmbeddingTables {
  const int32_t *ids, *position_ids, *type_ids;  // type_ids may be null: all 0
  VecMatrix word, position, type;
  const float *gamma, *beta;
  float *mean, *rstd;
  float eps;
  VecDropout dropout;
  int64_t cols;
};

}  // namespace encore::cpu

// row [cols]: room for one row, of this thread.
ENCORE_VEC_DECLARE_FLOATS(void, embedding_forward,
                          (const EmbeddingTables& a, const VecMatrix& y, int64_t begin, int64_t end, float* row));
// dy becomes the gradient of the sum of the three rows. dgamma, dbeta [cols] and dtype [Y, cols] are added to.
ENCORE_VEC_DECLARE_FLOATS(void, embedding_backward,
                          (const EmbeddingTables& a, const VecMatrix& dy, int64_t begin, int64_t end, float* dgamma,
                           float* dbeta, float* dtype));
// out [cols] += the sum of the `count` rows of d that `order` names, summed first, in that order.
ENCORE_VEC_DECLARE_FLOATS(void, add_rows,
                          (const VecMatrix& d, int64_t cols, const int32_t* order, int64_t count, float* out));
