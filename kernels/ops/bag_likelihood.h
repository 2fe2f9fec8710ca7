// The log likelihood of bags of words under VAMPIRE's decoder (Gururangan et al., 2019; allenai/vampire, vampire.py):
//   y[c, r] = (reconstruction[c, r] + background[c] - mean[c]) / sqrt(variance[c] + 0.001) + bias[c]
//   log p = log_softmax of y over the words c;   log_likelihood[r] = sum over the entries (c, v) of document r of v log p
// Batch norm over the documents with a gain of 1: in training by the batch's mean and variance (divided by R), and the
// running statistics become 0.999 old + 0.001 batch's, the variance divided by R - 1 there; in evaluation by the
// running statistics. So a background changes the training of nothing but the running mean.
//
// The reconstruction is Wd theta^T, a row a word and a column a document: statistics of a word then lie in one row, and
// the softmax over words adds up rows.
#pragma once

#include "kernels/ops/bags.h"

namespace encore {

class Backend;

inline constexpr float kBatchNormEps = 1e-3f;
inline constexpr float kBatchNormMomentum = 1e-3f;  // the weight of the batch, as PyTorch counts it

struct BagLikelihood {
  Tensor reconstruction;                  // in/out [C, R] fp32; training: overwritten by the gradient of it
  Tensor background, bias;                // in     [1, C] fp32
  Tensor running_mean, running_variance;  // in     [1, C] fp32; training: in/out
  Bags bags;                              // in
  BagsByWord by_word;                     // in     training only
  Tensor log_likelihood;                  // out    [1, R] fp32, nats
  Tensor dbias;                           // in/out [1, C] fp32, training only. Added to.
  LossTerm likelihood;                    // of log_likelihood. The gradients are those of scale * (sum of it).
  bool training = false;
};

// Throws Error if a shape above does not hold, a word or document is out of range, or training has fewer than 2
// documents.
void bag_likelihood(Backend&, const BagLikelihood&);

}  // namespace encore
