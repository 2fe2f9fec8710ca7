// A linear layer over bags of words: y = x W + bias, with x sparse [R, C] and W stored [C, H], a row a word. A document
// gathers the rows of its words, and the gradient of W has the rows of the batch's words only.
#pragma once

#include "kernels/ops/bags.h"

namespace encore {

class Backend;

// y[r] = bias + sum over the entries (c, v) of document r of v W[c]
struct BagLinearForward {
  Bags bags;    // in
  Tensor w;     // in  [C, H] fp32
  Tensor bias;  // in  [1, H] fp32
  Tensor y;     // out [R, H] fp32
};

// dw[c] += sum over the entries (r, v) of word c of v dy[r]. The gradient of the bias is bias_gradient (reduce.h).
struct BagLinearBackward {
  BagsByWord bags;  // in
  Tensor dy;        // in     [R, H] fp32
  Tensor dw;        // in/out [C, H] fp32. Rows of words of the batch are added to, the others are not touched.
};

// Throw Error if a shape above does not hold, or a word or document is out of range.
void bag_linear_forward(Backend&, const BagLinearForward&);
void bag_linear_backward(Backend&, const BagLinearBackward&);

}  // namespace encore
