// GELU and its derivative (kernels/ops/gelu.h), for the row loops of rows/map.cuh and rows/columns.cuh.
#pragma once

#include <device/mma.cuh>

#include "kernels/cuda/rows/map.cuh"

namespace encore::cuda {

struct NormalTail {
  float tail;         // Phi(-a)
  float exponential;  // exp(-a^2 / 2)
};

// For results in bf16: no branch, and two instructions of the special-function unit. erfcf's branches cost more time
// than the memory (docs/performance.md: GELU went from 1.55 to 3.2 TB/s). a >= 0. Phi(-a) = exp(-a^2 / 2) P(t), t = 1 /
// (1 + 0.3 a), as in Abramowitz & Stegun 7.1.26; P of degree 8 was fitted to 1,300 points of [0, 13.2] by least squares
// with weights that even out the relative errors: at most 1.2e-7.
__device__ __forceinline__ NormalTail normal_tail(float a) {
  const float t = ptx::rcp_approx(__fmaf_rn(0.3f, a, 1.f));
  const float e = ptx::exp2_approx(-0.72134752f * (a * a));
  float p = 0.036088974f;
  p = __fmaf_rn(p, t, -0.15893443f);
  p = __fmaf_rn(p, t, 0.20934781f);
  p = __fmaf_rn(p, t, -0.05645157f);
  p = __fmaf_rn(p, t, 0.13003348f);
  p = __fmaf_rn(p, t, 0.09946478f);
  p = __fmaf_rn(p, t, 0.12082636f);
  p = __fmaf_rn(p, t, 0.11962454f);
  return {p * t * e, e};
}

struct Gelu : Identity {
  // u/2 (1 + erf(u / sqrt 2)), which is u/2 erfc(-u / sqrt 2) without the cancellation in the lower tail. The argument
  // is rounded, which costs digits where erfc falls fast; erfc'(z) / erfc(z) is near -2z there, and the first-order
  // term puts them back.
  static __device__ __forceinline__ float exact(float u) {
    const float z = -0.707106781f * u;
    float tail = erfcf(z);
    if (z > 1.f && z < 12.f) {
      const float lost = __fmaf_rn(-0.707106781f, u, -z) - 1.21016175e-8f * u;
      tail *= 1.f - 2.f * z * lost;
    }
    return 0.5f * u * tail;
  }
  // max(u, 0) - |u| Phi(-|u|), which keeps a NaN; beyond 30 the tail is 0 and only an infinity would make it one.
  static __device__ __forceinline__ float rounded(float u) {
    const float half = 0.5f * u, a = fminf(fabsf(u), 30.f);
    return (half + fabsf(half)) - a * normal_tail(a).tail;
  }
  template <class T>
  static __device__ __forceinline__ float value(float u) {
    return sizeof(T) == 2 ? rounded(u) : exact(u);
  }
};

struct GeluGradient {
  // d/du [u/2 (1 + erf(u / sqrt 2))] = Phi(u) + u phi(u); erfc keeps the digits where 1 + erf cancels.
  template <class T>
  static __device__ __forceinline__ float gradient(float dy, float u) {
    if constexpr (sizeof(T) == 4) {
      return dy * (0.5f * erfcf(-0.707106781f * u) + u * (0.398942280f * expf(-0.5f * u * u)));
    } else {
      const NormalTail n = normal_tail(fabsf(u));
      return dy * (0.5f + copysignf(0.5f - n.tail, u) + u * (0.398942280f * n.exponential));
    }
  }
};

}  // namespace encore::cuda
