// VAMPIRE's latent variable (kernels/ops/logistic_normal.h): a warp has a document.
#pragma once

#include "kernels/base/rng.h"
#include "kernels/cuda/rows/sums.cuh"

namespace encore::cuda {

struct LatentDrawsArgs {
  bool sample;  // false: evaluation
  uint64_t seed;
  const uint64_t* keys;           // [documents]; may be null where nothing is drawn
  Rows<const float> noise, keep;  // data null: drawn
  uint32_t threshold;             // of dropout; 0: off
  float scale;                    // of what dropout keeps
};

struct LogisticNormalArgs {
  Rows<const float> mean, log_variance;
  Rows<float> theta;
  Rows<float> sigma, z;  // data null: not wanted
  float* negative_kld;   // forward
  int64_t documents, latent;
  float largest_sigma, clamp;  // clamp infinite: none
  LatentDrawsArgs draws;
};

struct LogisticNormalGradient {
  Rows<const float> dtheta;
  Rows<float> dmean, dlog_variance;
  float scale;  // of negative_kld in the loss
};

inline constexpr int kLatentThreads = 128, kLatentWarps = kLatentThreads / 32;

__device__ __forceinline__ float noise_at(const LatentDrawsArgs& d, int64_t r, int64_t k) {
  if (d.noise.data) return d.noise.row(r)[k];
  const PhiloxDraw bits = draw(d.seed, d.keys[r], draw_site(0, Site::kLatentNoise), uint32_t(k / 4));
  const int first = k % 4 < 2 ? 0 : 2;
  const NormalPair pair = normal_pair(bits.word[first], bits.word[first + 1]);
  return k % 2 ? pair.second : pair.first;
}

// What dropout multiplies element k of z by.
__device__ __forceinline__ float factor_at(const LatentDrawsArgs& d, int64_t r, int64_t k) {
  if (d.keep.data) return d.keep.row(r)[k] * d.scale;
  if (d.threshold == 0) return 1.f;
  const PhiloxDraw bits = draw(d.seed, d.keys[r], draw_site(0, Site::kLatentDropout), row_block(0, uint32_t(k / 8)));
  const uint32_t mine = bits.word[k % 8 / 2] >> (k % 2 * 16) & 0xffffu;
  return mine >= d.threshold ? d.scale : 0.f;
}

struct Latent {
  float sigma, term;
  bool capped;
};
__device__ __forceinline__ Latent latent_of(float mean, float log_variance, float largest) {
  const float uncapped = expf(0.5f * log_variance);
  Latent l;
  l.capped = uncapped > largest;
  l.sigma = l.capped ? largest : uncapped;
  l.term = (1.f + (l.capped ? 2.f * logf(largest) : log_variance)) - (mean * mean + l.sigma * l.sigma);
  return l;
}

// Warps: a warp has a document, a lane the latent variables lane, lane + 32, ... Warps share nothing.
// Shared memory: none. A lane reads of theta what it wrote itself.
// Pipeline: none: z and the KL terms, the largest, the exponentials, the division; two warp reductions between them.
// Numbers: 81 latent variables are three a lane. A batch is some hundred documents, too few to fill a device; the
// step's
//   time is in the decoder.
__global__ void __launch_bounds__(kLatentThreads) logistic_normal_forward_kernel(LogisticNormalArgs a) {
  const int lane = int(threadIdx.x) % 32;
  const int64_t r = int64_t(blockIdx.x) * kLatentWarps + int(threadIdx.x) / 32;
  if (r >= a.documents) return;
  float terms = 0, largest = -INFINITY;
  for (int64_t k = lane; k < a.latent; k += 32) {
    const float mean = a.mean.row(r)[k];
    const Latent l = latent_of(mean, a.log_variance.row(r)[k], a.largest_sigma);
    // Not fminf and fmaxf, which would drop a NaN.
    terms += l.term < -a.clamp ? -a.clamp : l.term > a.clamp ? a.clamp : l.term;
    float z = mean;
    if (a.draws.sample) z += l.sigma * noise_at(a.draws, r, k);
    if (a.sigma.data) a.sigma.row(r)[k] = l.sigma;
    if (a.z.data) a.z.row(r)[k] = z;
    if (a.draws.sample) z *= factor_at(a.draws, r, k);
    a.theta.row(r)[k] = z;
    largest = fmaxf(largest, z);
  }
  terms = warp_sum(terms);
#pragma unroll
  for (int bit = 16; bit > 0; bit /= 2) largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, bit));
  float sum = 0;
  for (int64_t k = lane; k < a.latent; k += 32) {
    const float e = expf(a.theta.row(r)[k] - largest);
    a.theta.row(r)[k] = e;
    sum += e;
  }
  const float per_sum = 1.f / warp_sum(sum);
  for (int64_t k = lane; k < a.latent; k += 32) a.theta.row(r)[k] *= per_sum;
  if (lane == 0) a.negative_kld[r] = 0.5f * terms;
}

// Warps: as of the forward kernel. dmean may be dtheta: a lane reads an element before it writes it, and the products
// of
//   the row are added up before the first is written.
// Shared memory: none.
// Pipeline: the product of theta and dtheta over the row, then the gradients; noise and dropout are drawn again.
__global__ void __launch_bounds__(kLatentThreads)
    logistic_normal_backward_kernel(LogisticNormalArgs a, LogisticNormalGradient g) {
  const int lane = int(threadIdx.x) % 32;
  const int64_t r = int64_t(blockIdx.x) * kLatentWarps + int(threadIdx.x) / 32;
  if (r >= a.documents) return;
  float dot = 0;
  for (int64_t k = lane; k < a.latent; k += 32) dot += a.theta.row(r)[k] * g.dtheta.row(r)[k];
  dot = warp_sum(dot);
  for (int64_t k = lane; k < a.latent; k += 32) {
    const float mean = a.mean.row(r)[k];
    const Latent l = latent_of(mean, a.log_variance.row(r)[k], a.largest_sigma);
    const float dz = a.theta.row(r)[k] * (g.dtheta.row(r)[k] - dot) * factor_at(a.draws, r, k);
    const float kld = l.term < -a.clamp || l.term > a.clamp ? 0.f : g.scale;
    g.dmean.row(r)[k] = dz - kld * mean;
    const float of_noise = dz * noise_at(a.draws, r, k) * l.sigma;
    g.dlog_variance.row(r)[k] = l.capped ? 0.f : 0.5f * (kld * (1.f - l.sigma * l.sigma) + of_noise);
  }
}

}  // namespace encore::cuda
