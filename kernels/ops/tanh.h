// Bias + tanh: y = tanh(x + bias), of the classification head.
#pragma once

#include "kernels/base/tensor.h"

namespace encore {

class Backend;

struct TanhForward {
  Tensor x;     // in  [R, C] float
  Tensor bias;  // in  [1, C] fp32, optional
  Tensor y;     // out [R, C] dtype of x, kept for the backward pass; may be x itself
  Tensor live;  // in [1, 1] i32, optional: how many rows count (live_rows.h)
};

struct TanhBackward {
  Tensor dy;     // in     [R, C] float
  Tensor y;      // in     [R, C]
  Tensor dx;     // out    [R, C]; may be dy itself
  Tensor dbias;  // in/out [1, C] fp32, optional: column sums of dx. Added to.
  Tensor live;   // in [1, 1] i32, optional: how many rows count (live_rows.h)
};

void tanh_forward(Backend&, const TanhForward&);
void tanh_backward(Backend&, const TanhBackward&);

}  // namespace encore
