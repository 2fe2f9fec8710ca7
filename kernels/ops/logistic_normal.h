// The latent variable of VAMPIRE (Gururangan et al., 2019; allenai/vampire, logistic_normal.py), a document a row:
//   sigma = min(sqrt(exp(log_variance)), 10)
//   negative_kld = 1/2 sum over k of t_k,  t_k = 1 + ln sigma_k^2 - mean_k^2 - sigma_k^2
//   z = mean + sigma noise;   theta = softmax(dropout(z))
// With kl_clamp c > 0 each t_k is held within -c .. c first. In evaluation (sample = false) theta = softmax(mean), and
// negative_kld is the same.
#pragma once

#include "kernels/base/rng.h"
#include "kernels/ops/bags.h"

namespace encore {

class Backend;

inline constexpr float kLargestSigma = 10;

// The noise and the dropout of z. Both come from Philox, keyed by (seed, document key); kernels/base/rng.h has the
// layouts. Draws that are given replace them, for comparison with other implementations.
struct LatentDraws {
  float dropout = 0;  // probability that an element of z becomes 0, 0 <= p < 1
  uint64_t seed = 0;
  Tensor document_keys;  // in [1, R] u64; may be absent where noise is given, and keep too or dropout is 0
  Tensor noise;          // in [R, K] fp32, optional
  Tensor keep;           // in [R, K] fp32, optional: 1 keeps an element and scales it by 1 / (1 - dropout), 0 drops it
};

struct LogisticNormalForward {
  Tensor mean, log_variance;  // in  [R, K] fp32
  Tensor theta;               // out [R, K] fp32, kept for the backward pass
  Tensor negative_kld;        // out [1, R] fp32, nats
  Tensor sigma, z;            // out [R, K] fp32, optional; z before dropout
  bool sample = true;         // false: evaluation, the draws are not used
  float kl_clamp = 0;         // 0: no clamp
  LatentDraws draws;
  LossTerm kld;  // of negative_kld
};

// The gradients that flow through theta, and those of forward.kld.scale * (sum of negative_kld). As in PyTorch's clamp,
// an element beyond the cap of sigma or the clamp gets no gradient through it, one on the limit does.
struct LogisticNormalBackward {
  LogisticNormalForward forward;  // in  the inputs, theta and draws of the forward pass, with sample = true
  Tensor dtheta;                  // in  [R, K] fp32
  Tensor dmean, dlog_variance;    // out [R, K] fp32; dmean may be dtheta
};

// Throw Error if a shape above does not hold or an option is out of range.
void logistic_normal_forward(Backend&, const LogisticNormalForward&);
void logistic_normal_backward(Backend&, const LogisticNormalBackward&);

}  // namespace encore
