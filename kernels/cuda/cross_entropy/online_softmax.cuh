// Largest logit and sum of exponentials in one pass (the online normaliser: Milakov and Gimelshein, 2018,
// arXiv:1805.02867). Logits are scaled by log2 e, so that 2^x, one instruction, is their exponential.
#pragma once

#include <cfloat>
#include <device/mma.cuh>

#include "kernels/cuda/rows/sums.cuh"

namespace encore::cuda {

inline constexpr float kLog2E = 1.44269504f, kLn2 = 0.69314718f;

// The largest value of a warp, none of which may be NaN, by one instruction for integers: the bits of floats are
// ordered as signed integers once the magnitude of negative ones is inverted.
__device__ __forceinline__ float warp_max(float x) {
  const auto ordered = [](int bits) { return bits ^ (bits >> 31 & 0x7fffffff); };  // its own inverse
  return __int_as_float(ordered(__reduce_max_sync(0xffffffffu, ordered(__float_as_int(x)))));
}

struct OnlineSoftmax {
  // row_sum is the sum of 2^(x - row_max). row_max starts at -FLT_MAX, because -inf - -inf would be NaN.
  float row_max = -FLT_MAX, row_sum = 0;

  __device__ __forceinline__ void add(const float (&u)[kUnit]) {
    const float largest =
        fmaxf(fmaxf(fmaxf(u[0], u[1]), fmaxf(u[2], u[3])), fmaxf(fmaxf(u[4], u[5]), fmaxf(u[6], u[7])));
    const float before = row_max;
    row_max = fmaxf(row_max, largest);
    float e[kUnit];
#pragma unroll
    for (int i = 0; i < kUnit; ++i) e[i] = ptx::exp2_approx(u[i] - row_max);
    row_sum = row_sum * ptx::exp2_approx(before - row_max) +
              (((e[0] + e[1]) + (e[2] + e[3])) + ((e[4] + e[5]) + (e[6] + e[7])));
  }
  // Adds the columns of another: {row_max, row_sum}.
  __device__ __forceinline__ void merge(float2 other) {
    const float before = row_max;
    row_max = fmaxf(row_max, other.x);
    row_sum = row_sum * ptx::exp2_approx(before - row_max) + other.y * ptx::exp2_approx(other.x - row_max);
  }
  // {row_max, row_sum} over the warp's lanes, the same bits in each.
  __device__ __forceinline__ float2 reduce_warp() const {
    const float all = warp_max(row_max);
    return make_float2(all, warp_sum(row_sum * ptx::exp2_approx(row_max - all)));
  }
};

}  // namespace encore::cuda
