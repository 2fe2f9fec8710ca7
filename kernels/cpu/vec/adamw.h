#pragma once

#include "kernels/cpu/vec/matrix.h"

namespace encore::cpu {

struct AdamWRange {
  float *w, *m, *v;
  const float* gradient;
  uint16_t* shadow;  // may be null
  float grad_scale;
  float keep;  // 1 - lr * weight_decay
  float beta2;
  float rest1, rest2;  // 1 - beta1, 1 - beta2
  float step;          // lr / correction1
  float root2;         // sqrt(correction2)
  float eps;
};

}  // namespace encore::cpu

ENCORE_VEC_DECLARE(void, adamw, (const AdamWRange& a, int64_t begin, int64_t end));
