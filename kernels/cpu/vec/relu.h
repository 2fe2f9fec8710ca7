#pragma once

#include "kernels/cpu/vec/matrix.h"

// y = max(x, 0), rows begin .. end-1.
ENCORE_VEC_DECLARE_FLOATS(void, relu_forward,
                          (const VecMatrix& x, const VecMatrix& y, int64_t cols, int64_t begin, int64_t end));
// dx = dy where y > 0, else 0.
ENCORE_VEC_DECLARE_FLOATS(void, relu_backward,
                          (const VecMatrix& dy, const VecMatrix& y, const VecMatrix& dx, int64_t cols, int64_t begin,
                           int64_t end));
