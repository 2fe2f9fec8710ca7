// Softmax cross-entropy over gathered rows, fused and in place: each logit is read once and overwritten by its
// gradient.
//   u = logits + bias;  loss_m = logsumexp(u_m) - u_m[label_m];  d logits = (softmax(u) - onehot) * grad_scale
// Columns V .. Vp-1 of the padded vocabulary are ignored on input and get gradient 0.
#pragma once

#include "kernels/base/tensor.h"

namespace encore {

class Backend;

struct CrossEntropy {
  Tensor logits;           // in/out [M, Vp] float; the gradient afterwards unless loss_only
  int64_t classes;         // V <= Vp
  Tensor bias;             // in     [1, V] fp32, optional
  Tensor labels;           // in     [1, M] i32; < 0: the row is ignored (loss 0, gradient 0, not counted as correct)
  Tensor grad_scale;       // in     [1, 1] fp32, not negative, read from backend memory: 1 / global target count
  Tensor row_loss;         // out    [1, M] fp32, nats
  Tensor loss_sum;         // in/out [1, 1] fp64 (dtype kF64). Added to, rows in a fixed order.
  Tensor correct;          // in/out [1, 1] i64: rows whose largest logit is the label. Added to. Optional.
  Tensor dbias;            // in/out [1, V] fp32, optional: column sums of the gradient. Added to.
  Tensor live;             // in [1, 1] i32, optional: how many rows count (live_rows.h)
  bool loss_only = false;  // evaluation: logits are left as they were
};

// Throws Error if a shape above does not hold. M = 0 does nothing.
void cross_entropy(Backend&, const CrossEntropy&);

}  // namespace encore
