#pragma once

#include "kernels/cpu/vec/matrix.h"

namespace encore::cpu {

struct GeluRows {
  VecMatrix dy;       // backward only
  VecMatrix x, y;     // backward: y is dx
  const float* bias;  // may be null
  int64_t cols;
};

}  // namespace encore::cpu

// Rows begin .. end-1.
ENCORE_VEC_DECLARE_FLOATS(void, gelu_forward, (const GeluRows& a, int64_t begin, int64_t end));
// Column sums of dx are added to dbias [cols] unless that is null.
ENCORE_VEC_DECLARE_FLOATS(void, gelu_backward, (const GeluRows& a, int64_t begin, int64_t end, float* dbias));
