// Matrix products of a linear layer. Weights are stored [out, in] as PyTorch does: y = x w^T + bias.
#pragma once

#include "kernels/base/tensor.h"

namespace encore {

class Backend;

// y = x w^T (+ bias)
struct LinearForward {
  Tensor x;     // in  [M, K]  float
  Tensor w;     // in  [N, K]  dtype of x
  Tensor bias;  // in  [1, N]  fp32, optional
  Tensor y;     // out [M, N]  dtype of x
};

// dx = dy w (+ dx if accumulate)
struct LinearBackwardInput {
  Tensor dy;  // in     [M, N]  float
  Tensor w;   // in     [N, K]  dtype of dy
  Tensor dx;  // out    [M, K]  dtype of dy
  bool accumulate = false;
};

// dw += dy^T x
struct LinearBackwardWeight {
  Tensor dy;  // in     [M, N]  float
  Tensor x;   // in     [M, K]  dtype of dy
  Tensor dw;  // in/out [N, K]  fp32. Added to.
};

// A linear layer whose memory is to be planned.
struct LinearShape {
  int64_t rows = 0, in = 0, out = 0;  // M, K, N
  DType dtype = DType::kF32;          // of x
  bool training = false;              // forward and backward pass
};

// What the products of such a layer take beside their tensors, in bytes, on a backend that shares the host's memory.
struct LinearMemory {
  size_t packed_forward = 0, packed_backward = 0;  // of the weight, kept if it serves several batches
  size_t workspace = 0;                            // of the largest product, while it is computed
  int64_t kernels = 0;                             // made for this number of rows, and kept for a while
  size_t kernel_bytes = 0;                         // of these kernels
};

// All tensors may be strided views (ld > cols). M = 0 is allowed: nothing is added, nothing is written.
// A backend may keep packed copies of weights by the address of `w`; call Backend::weights_changed() after changing
// them. Throws Error if a shape or dtype above does not hold.
void linear_forward(Backend&, const LinearForward&);
void linear_backward_input(Backend&, const LinearBackwardInput&);
void linear_backward_weight(Backend&, const LinearBackwardWeight&);

}  // namespace encore
