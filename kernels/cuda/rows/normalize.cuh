// LayerNorm of one row held in registers, shared by the LayerNorm and the embedding kernels: kThreads threads hold a
// row, thread t the units t, t + kThreads, ...
#pragma once

#include "kernels/cuda/rows/sums.cuh"

namespace encore::cuda {

struct Moments {
  float mean, rstd;
};

// Mean, then the mean square of the centred row (in one pass, as E[x^2] - E[x]^2, the difference of two large numbers
// would lose its digits). x past `cols` must be 0.
template <int kThreads, int kUnits>
__device__ __forceinline__ Moments row_moments(const float (&x)[kUnits][kUnit], int64_t cols, int thread, float eps) {
  float sum[1] = {0};
#pragma unroll
  for (int k = 0; k < kUnits; ++k)
#pragma unroll
    for (int i = 0; i < kUnit; ++i) sum[0] += x[k][i];
  block_sums<kThreads>(sum, 0);
  const float mean = sum[0] / float(cols);
  float squares[1] = {0};
#pragma unroll
  for (int k = 0; k < kUnits; ++k)
#pragma unroll
    for (int i = 0; i < kUnit; ++i) {
      const float centred = x[k][i] - mean;
      if (int64_t(thread + k * kThreads) * kUnit + i < cols) squares[0] += centred * centred;
    }
  block_sums<kThreads>(squares, 1);
  return {mean, 1.f / sqrtf(squares[0] / float(cols) + eps)};
}

// x = (x - mean) rstd gamma + beta for the unit at column c.
__device__ __forceinline__ void normalize(Moments m, const Rows<const float>& gamma, const Rows<const float>& beta,
                                          int64_t c, int n, float (&x)[kUnit]) {
  float g[kUnit], b[kUnit];
  load_unit(gamma.data + c, n, gamma.wide, g);
  load_unit(beta.data + c, n, beta.wide, b);
#pragma unroll
  for (int i = 0; i < kUnit; ++i) x[i] = (x[i] - m.mean) * m.rstd * g[i] + b[i];
}

// One unit's contribution to the row sums of g and of g xhat, where g = dy gamma and xhat = (sum - mean) rstd.
__device__ __forceinline__ void gradient_terms(const float (&dy)[kUnit], const float (&sum)[kUnit],
                                               const float (&gamma)[kUnit], Moments m, float& of_g, float& of_gx) {
#pragma unroll
  for (int i = 0; i < kUnit; ++i) {
    const float g = dy[i] * gamma[i];
    of_g += g;
    of_gx += g * ((sum[i] - m.mean) * m.rstd);
  }
}

// dy becomes the gradient of the sum, rstd (g - mean(g) - xhat mean(g xhat)); dgamma and dbeta are added to.
__device__ __forceinline__ void gradient_of_sum(float (&dy)[kUnit], const float (&sum)[kUnit],
                                                const float (&gamma)[kUnit], Moments m, float mean_g, float mean_gx,
                                                float (&dgamma)[kUnit], float (&dbeta)[kUnit]) {
#pragma unroll
  for (int i = 0; i < kUnit; ++i) {
    const float xhat = (sum[i] - m.mean) * m.rstd;
    dgamma[i] += dy[i] * xhat;
    dbeta[i] += dy[i];
    dy[i] = m.rstd * (dy[i] * gamma[i] - mean_g - xhat * mean_gx);
  }
}

}  // namespace encore::cuda
