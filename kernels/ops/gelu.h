// Bias + exact GELU: y = g(x + bias), g(u) = u/2 (1 + erf(u / sqrt 2))  (Hendrycks & Gimpel, 2016; not the tanh form).
#pragma once

#include "kernels/base/tensor.h"

namespace encore {

class Backend;

struct GeluForward {
  Tensor x;     // in  [R, C] float, kept for the backward pass
  Tensor bias;  // in  [1, C] fp32, optional
  Tensor y;     // out [R, C] dtype of x; may not be x
  Tensor live;  // in [1, 1] i32, optional: how many rows count (live_rows.h)
};

struct GeluBackward {
  Tensor dy;     // in     [R, C] float
  Tensor x;      // in     [R, C]
  Tensor bias;   // in     [1, C] fp32, optional
  Tensor dx;     // out    [R, C]; may be dy itself
  Tensor dbias;  // in/out [1, C] fp32, optional: column sums of dx. Added to.
  Tensor live;   // in [1, 1] i32, optional: how many rows count (live_rows.h)
};

void gelu_forward(Backend&, const GeluForward&);
void gelu_backward(Backend&, const GeluBackward&);

}  // namespace encore
