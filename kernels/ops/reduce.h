// Sums in a fixed order: the same bits for the same shape, backend and number of threads.
#pragma once

#include "kernels/base/tensor.h"

namespace encore {

class Backend;

// dbias[c] += sum over r of dy[r, c]
struct BiasGradient {
  Tensor dy;     // in     [R, C] float
  Tensor dbias;  // in/out [1, C] fp32. Added to.
  Tensor live;   // in [1, 1] i32, optional: how many rows count (live_rows.h)
};
void bias_gradient(Backend&, const BiasGradient&);

// result += sum of squares of x, accumulated in fp64
struct SumOfSquares {
  Tensor x;       // in     [1, n] fp32
  Tensor result;  // in/out [1, 1] fp64
};
void sum_of_squares(Backend&, const SumOfSquares&);

}  // namespace encore
