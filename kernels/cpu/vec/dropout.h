#pragma once

#include "kernels/cpu/vec/matrix.h"

// y = dropout(x), rows begin .. end-1. REQUIRES: d.threshold > 0.
ENCORE_VEC_DECLARE_FLOATS(void, dropout,
                          (const VecMatrix& x, const VecMatrix& y, const VecDropout& d, int64_t cols, int64_t begin,
                           int64_t end));
