#pragma once

#include "kernels/cpu/vec/matrix.h"

namespace encore::cpu {

struct LayerNormForwardRows {
  VecMatrix x, residual, sum, y;     // residual may be absent
  const float *bias, *gamma, *beta;  // bias may be null
  float *mean, *rstd;
  float eps;
  VecDropout dropout;
  int64_t cols;
};

struct LayerNormBackwardRows {
  VecMatrix dy, sum, dsum, dx;  // dx may be absent
  const float *gamma, *mean, *rstd;
  VecDropout dropout;
  int64_t cols;
};

}  // namespace encore::cpu

// row [cols]: room for one row, of this thread.
ENCORE_VEC_DECLARE_FLOATS(void, layernorm_forward,
                          (const LayerNormForwardRows& a, int64_t begin, int64_t end, float* row));
// dgamma, dbeta and dbias [cols] are added to; dbias may be null.
ENCORE_VEC_DECLARE_FLOATS(void, layernorm_backward,
                          (const LayerNormBackwardRows& a, int64_t begin, int64_t end, float* dgamma, float* dbeta,
                           float* dbias));
