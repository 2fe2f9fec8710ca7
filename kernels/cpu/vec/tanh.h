#pragma once

#include "kernels/cpu/vec/matrix.h"

namespace encore::cpu {

struct TanhRows {
  VecMatrix x, y;     // backward: x is dy
  VecMatrix dx;       // backward only
  const float* bias;  // forward only; may be null
  int64_t cols;
};

}  // namespace encore::cpu

ENCORE_VEC_DECLARE_FLOATS(void, tanh_forward, (const TanhRows& a, int64_t begin, int64_t end));
// Column sums of dx are added to dbias [cols] unless that is null.
ENCORE_VEC_DECLARE_FLOATS(void, tanh_backward, (const TanhRows& a, int64_t begin, int64_t end, float* dbias));
