// Bias + dropout + residual + LayerNorm in one pass (Ba et al., "Layer Normalization", 2016; post-LN as in BERT):
//   sum = residual + dropout(x + bias);   y = (sum - mean) * rstd * gamma + beta
// Statistics are fp32, the variance is the mean square of the centred row (E[x^2] - E[x]^2 loses every digit when the
// mean is large). `sum` is saved rather than y, so that the backward pass is right where gamma is 0.
#pragma once

#include "kernels/ops/dropout.h"

namespace encore {

struct LayerNormForward {
  Tensor x;            // in  [R, C] float
  Tensor bias;         // in  [1, C] fp32, optional
  Tensor residual;     // in  [R, C] dtype of x, optional
  Tensor gamma, beta;  // in  [1, C] fp32
  Tensor sum;          // out [R, C] dtype of x; may be x itself
  Tensor y;            // out [R, C] dtype of x
  Tensor mean, rstd;   // out [1, R] fp32
  Tensor live;         // in [1, 1] i32, optional: how many rows count (live_rows.h)
  float eps = 1e-5f;
  RowDropout dropout;
};

struct LayerNormBackward {
  Tensor dy;             // in     [R, C] float
  Tensor sum;            // in     [R, C]
  Tensor gamma;          // in     [1, C] fp32
  Tensor mean, rstd;     // in     [1, R] fp32
  Tensor dsum;           // out    [R, C]: gradient of the residual input; may be dy itself
  Tensor dx;             // out    [R, C], optional: gradient of x (dsum through the dropout). May be dsum itself if
                         //                p == 0 or the residual's gradient is not needed.
  Tensor dgamma, dbeta;  // in/out [1, C] fp32. Added to.
  Tensor dbias;          // in/out [1, C] fp32, optional: column sums of dx. Added to.
  Tensor live;           // in [1, 1] i32, optional: how many rows count (live_rows.h)
  RowDropout dropout;
};

// Throws Error if a shape above does not hold. R = 0 does nothing.
void layernorm_forward(Backend&, const LayerNormForward&);
void layernorm_backward(Backend&, const LayerNormBackward&);

}  // namespace encore
