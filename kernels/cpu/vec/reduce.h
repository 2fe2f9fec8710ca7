#pragma once

#include "kernels/cpu/vec/matrix.h"

// sums [cols] += the rows begin .. end-1 of x, in rising order.
ENCORE_VEC_DECLARE_FLOATS(void, column_sums,
                          (const VecMatrix& x, int64_t cols, int64_t begin, int64_t end, float* sums));
// out [n] += sum of the `parts` vectors [n] that lie `stride` apart; they are summed first, in rising order.
ENCORE_VEC_DECLARE(void, add_parts, (const float* parts, int64_t count, int64_t stride, float* out, int64_t n));
ENCORE_VEC_DECLARE(double, sum_of_squares, (const float* x, int64_t n));
// y [n] += x [n], of elements of the function's type.
ENCORE_VEC_DECLARE_FLOATS(void, add_row, (const void* x, void* y, int64_t n));
