// AdamW and the sum of squares over the flat fp32 buffers.
#pragma once

#include "kernels/cuda/reduce.cuh"
#include "kernels/ops/adamw.h"

namespace encore::cuda {

inline constexpr int kFlatThreads = 256;

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
  bool wide;
};

// Is the element in one of the ranges?
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

// A thread: 8 neighbouring elements.
__global__ void __launch_bounds__(kFlatThreads) adamw_kernel(AdamWArgs a) {
  const int64_t at = (int64_t(blockIdx.x) * kFlatThreads + threadIdx.x) * kUnit;
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

struct DoubleSums {
  double of[kFlatThreads];
};
// Thread 0 gets the sum over the block, as a tree over the threads' numbers.
__device__ __forceinline__ double block_sum(double v) {
  auto& shared = static_smem<DoubleSums>().of;
  shared[threadIdx.x] = v;
  for (int step = kFlatThreads / 2; step > 0; step /= 2) {
    __syncthreads();
    if (int(threadIdx.x) < step) shared[threadIdx.x] += shared[threadIdx.x + step];
  }
  return threadIdx.x == 0 ? shared[0] : 0;
}

// parts[block] = the sum of squares of every gridDim.x-th piece of 2048 elements.
__global__ void __launch_bounds__(kFlatThreads) squares_kernel(const float* x, int64_t n, bool wide, double* parts) {
  double sum = 0;
  for (int64_t at = (int64_t(blockIdx.x) * kFlatThreads + threadIdx.x) * kUnit; at < n;
       at += int64_t(gridDim.x) * kFlatThreads * kUnit) {
    float v[kUnit];
    load_unit(x + at, n - at < kUnit ? int(n - at) : kUnit, wide, v);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) sum += double(v[i]) * double(v[i]);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

// One block: *result += the sum of the parts.
__global__ void __launch_bounds__(kFlatThreads) add_parts_kernel(const double* parts, int count, double* result) {
  double sum = 0;
  for (int i = int(threadIdx.x); i < count; i += kFlatThreads) sum += parts[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) *result += sum;
}

}  // namespace encore::cuda
