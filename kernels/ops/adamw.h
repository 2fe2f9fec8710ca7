// AdamW over a range of the flat buffers (Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019), the form
// of torch.optim.AdamW:
//   g = gradient * grad_scale
//   w -= lr * weight_decay * w
//   m = beta1 m + (1 - beta1) g;   v = beta2 v + (1 - beta2) g^2
//   w -= lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
#pragma once

#include "kernels/base/tensor.h"

namespace encore {

class Backend;

// What changes from step to step; lives in backend memory (a CUDA graph holds the pointer, not the values).
struct AdamWScalars {
  float lr;
  float grad_scale;   // 1, or max_norm / norm when the gradient is clipped
  float correction1;  // 1 - beta1^t
  float correction2;  // 1 - beta2^t
};

struct AdamW {
  Tensor w, m, v;   // in/out [1, n] fp32
  Tensor gradient;  // in     [1, n] fp32
  Tensor shadow;    // out    [1, n] bf16 copy of w, optional
  Tensor scalars;   // in     [1, 4] fp32: AdamWScalars
  float beta1 = 0.9f, beta2 = 0.999f, eps = 1e-8f;
  float weight_decay = 0;
};
void adamw(Backend&, const AdamW&);

}  // namespace encore
