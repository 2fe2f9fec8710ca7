// AdamW over the flat fp32 buffers (kernels/ops/adamw.h).
#pragma once

#include "kernels/cuda/rows/unit.cuh"
#include "kernels/ops/adamw.h"

namespace encore::cuda {

inline constexpr int kAdamWThreads = 256;

struct AdamWArgs {
  float *w, *m, *v;
  const float* gradient;
  __nv_bfloat16* shadow;  // null: not wanted
  const AdamWScalars* scalars;
  const double* squares;  // null: no clipping here
  const double* loss;     // null: not looked at
  const int64_t* spared;  // pairs of begin and end
  int spared_ranges;
  float max_norm;
  float beta1, beta2, rest1, rest2, eps, weight_decay;  // rest = 1 - beta, rounded once
  int64_t n;
  bool wide;  // every buffer starts at a multiple of 16 bytes
};

// Whether the element is in one of the ranges.
__device__ __forceinline__ bool is_spared(const AdamWArgs& a, int64_t at) {
  int low = 0, high = a.spared_ranges;  // the first range that ends behind `at`
  while (low < high) {
    const int middle = (low + high) / 2;
    if (a.spared[2 * middle + 1] > at)
      high = middle;
    else
      low = middle + 1;
  }
  return low < a.spared_ranges && a.spared[2 * low] <= at;
}

// Warps: a thread updates 8 neighbouring elements; threads share nothing.
// Shared memory: none.
// Pipeline: the four loads of a thread are in flight together.
// Invariants: a unit lies inside a spared range or outside, because the ranges' ends are multiples of 16
//   (kernels/ops/adamw.h). A step whose gradient or loss is not finite changes nothing.
// Numbers: 59 registers leave half of the warps resident (bench/kernels/cost.md), enough for 2.99 TB/s on an H100
//   (docs/performance.md).
__global__ void __launch_bounds__(kAdamWThreads) adamw_kernel(AdamWArgs a) {
  static_assert(16 % kUnit == 0, "spared ranges end between units");
  const int64_t at = (int64_t(blockIdx.x) * kAdamWThreads + threadIdx.x) * kUnit;
  if (at >= a.n || !all_finite(a.squares, a.loss)) return;
  const int n = a.n - at < kUnit ? int(a.n - at) : kUnit;
  const AdamWScalars s = *a.scalars;
  const float scale = clipped_scale(s.grad_scale, a.squares, a.max_norm);
  const float decay = a.spared_ranges > 0 && is_spared(a, at) ? 0.f : a.weight_decay;
  float w[kUnit], m[kUnit], v[kUnit], g[kUnit];
  load_unit(a.w + at, n, a.wide, w);
  load_unit(a.m + at, n, a.wide, m);
  load_unit(a.v + at, n, a.wide, v);
  load_unit(a.gradient + at, n, a.wide, g);
#pragma unroll
  for (int i = 0; i < kUnit; ++i) {
    const float gradient = g[i] * scale;
    m[i] = a.beta1 * m[i] + a.rest1 * gradient;
    v[i] = a.beta2 * v[i] + a.rest2 * gradient * gradient;
    const float decayed = w[i] - s.lr * decay * w[i];
    w[i] = decayed - s.lr * (m[i] / s.correction1) / (sqrtf(v[i] / s.correction2) + a.eps);
  }
  store_unit(a.w + at, n, a.wide, w);
  store_unit(a.m + at, n, a.wide, m);
  store_unit(a.v + at, n, a.wide, v);
  if (a.shadow) store_unit(a.shadow + at, n, a.wide, w);
}

}  // namespace encore::cuda
