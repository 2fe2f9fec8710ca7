// AdamW over a range of the flat buffers (Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019), the form
// of torch.optim.AdamW:
//   g = gradient * grad_scale * min(1, max_norm / (norm + 1e-6))    (the second factor where `squares` is given)
//   w -= lr * weight_decay * w
//   m = beta1 m + (1 - beta1) g;   v = beta2 v + (1 - beta2) g^2
//   w -= lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
// Where `squares` or `loss` is given and not finite, nothing is changed at all: a step whose gradient means nothing.
#pragma once

#include <cmath>

#include "kernels/base/host_device.h"
#include "kernels/base/tensor.h"

namespace encore {

class Backend;

// What changes from step to step; lives in backend memory (a CUDA graph holds the pointer, not the values).
struct AdamWScalars {
  float lr;
  float grad_scale;   // 1, or max_norm / norm when the host clips
  float correction1;  // 1 - beta1^t
  float correction2;  // 1 - beta2^t
};

// The factor of the gradient, as torch.nn.utils.clip_grad_norm_ clips: by the root of the sum of squares.
ENCORE_HOST_DEVICE inline float clipped_scale(float grad_scale, const double* squares, float max_norm) {
  if (!squares) return grad_scale;
  const double factor = double(max_norm) / (sqrt(*squares) + 1e-6);
  return factor < 1 ? float(double(grad_scale) * factor) : grad_scale;
}

// Whether the values, where they are given, are finite.
ENCORE_HOST_DEVICE inline bool all_finite(const double* squares, const double* loss) {
  return (!squares || *squares - *squares == 0) && (!loss || *loss - *loss == 0);
}

struct AdamW {
  Tensor w, m, v;   // in/out [1, n] fp32
  Tensor gradient;  // in     [1, n] fp32
  Tensor shadow;    // out    [1, n] bf16 copy of w, optional
  Tensor scalars;   // in     [1, 4] fp32: AdamWScalars
  Tensor squares;   // in     [1, 1] fp64, optional: sum of squares of the whole gradient (sum_of_squares), read from
                    //        backend memory: clips to max_norm without a word from the host
  Tensor loss;      // in     [1, 1] fp64, optional: what the gradient is of
  Tensor spared;    // in     [1, 2 R] i64, optional: elements that weight_decay leaves alone, as R ranges [begin, end)
                    //        in rising order; multiples of 16
  float max_norm = 0;  // above 0 where squares is given; infinity: no clipping
  float beta1 = 0.9f, beta2 = 0.999f, eps = 1e-8f;
  float weight_decay = 0;
};
void adamw(Backend&, const AdamW&);

}  // namespace encore
