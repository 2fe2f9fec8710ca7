// AdamW over a range of the flat buffers (Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019), the form
// of torch.optim.AdamW:
//   g = gradient * grad_scale * min(1, max_norm / (norm + 1e-6))    (the second factor where `squares` is given)
//   w -= lr * weight_decay * w
//   m = beta1 m + (1 - beta1) g;   v = beta2 v + (1 - beta2) g^2
//   w -= lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
// If `squares` or `loss` is given and not finite, the call changes nothing: the gradient of such a step means nothing.
#pragma once

#include <cmath>

#include "kernels/base/host_device.h"
#include "kernels/base/tensor.h"

namespace encore {

class Backend;

// Values that change from step to step. They lie in backend memory, because a CUDA graph keeps the pointer, not the
// values.
struct AdamWScalars {
  float lr;
  float grad_scale;   // 1, or max_norm / norm when the host clips
  float correction1;  // 1 - beta1^t
  float correction2;  // 1 - beta2^t
};

// The factor of the gradient, clipped as torch.nn.utils.clip_grad_norm_ does; the norm is the root of *squares.
ENCORE_HOST_DEVICE inline float clipped_scale(float grad_scale, const double* squares, float max_norm) {
  if (!squares) return grad_scale;
  const double factor = double(max_norm) / (sqrt(*squares) + 1e-6);
  return factor < 1 ? float(double(grad_scale) * factor) : grad_scale;
}

// True if the values that are given are finite.
ENCORE_HOST_DEVICE inline bool all_finite(const double* squares, const double* loss) {
  return (!squares || *squares - *squares == 0) && (!loss || *loss - *loss == 0);
}

struct AdamW {
  Tensor w, m, v;   // in/out [1, n] fp32
  Tensor gradient;  // in     [1, n] fp32
  Tensor shadow;    // out    [1, n] bf16 copy of w, optional
  Tensor scalars;   // in     [1, 4] fp32: AdamWScalars
  Tensor squares;   // in     [1, 1] fp64, optional: sum of squares of the whole gradient (sum_of_squares). The device
                    //        reads it and clips to max_norm, so that the host need not wait for it.
  Tensor loss;      // in     [1, 1] fp64, optional: the loss whose gradient this is
  Tensor spared;    // in     [1, 2 R] i64, optional: elements without weight decay, as R ranges [begin, end) in rising
                    //        order; multiples of 16
  float max_norm = 0;  // REQUIRES > 0 if squares is given; infinity: no clipping
  float beta1 = 0.9f, beta2 = 0.999f, eps = 1e-8f;
  float weight_decay = 0;
};
void adamw(Backend&, const AdamW&);

}  // namespace encore
