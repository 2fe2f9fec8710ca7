// y = max(x, 0), of VAMPIRE's encoder where it is asked for. A NaN stays one.
#pragma once

#include "kernels/base/tensor.h"

namespace encore {

class Backend;

struct ReluForward {
  Tensor x;  // in  [R, C] float
  Tensor y;  // out [R, C] dtype of x, kept for the backward pass; may be x itself
};

// dx = dy where y > 0, else 0: the slope at 0 is 0, as in PyTorch.
struct ReluBackward {
  Tensor dy;  // in  [R, C] float
  Tensor y;   // in  [R, C]
  Tensor dx;  // out [R, C]; may be dy itself
};

void relu_forward(Backend&, const ReluForward&);
void relu_backward(Backend&, const ReluBackward&);

}  // namespace encore
