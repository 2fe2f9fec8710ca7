#pragma once

#include "kernels/cpu/vec/matrix.h"

namespace encore::cpu {

struct LatentRow {
  const float *mean, *log_variance;  // [latent]
  const float* noise;                // [latent]; null: evaluation
  const float* factor;               // [latent] of dropout, 0 or the scale; null: none
  float* theta;                      // [latent]
  float *sigma, *z;                  // [latent]; may be null
  int64_t latent;
  float largest_sigma;
  float clamp;  // infinity: none
};

struct LatentGradient {
  const float* dtheta;           // [latent]
  float *dmean, *dlog_variance;  // [latent]; dmean may be dtheta
  float scale;                   // of negative_kld in the loss
};

}  // namespace encore::cpu

// Returns negative_kld.
ENCORE_VEC_DECLARE(float, logistic_normal_forward, (const LatentRow& a));
ENCORE_VEC_DECLARE(void, logistic_normal_backward, (const LatentRow& a, const LatentGradient& g));
