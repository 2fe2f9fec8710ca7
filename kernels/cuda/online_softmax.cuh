// Largest logit and sum of exponentials in one pass (the online normaliser: Milakov and Gimelshein, 2018,
// arXiv:1805.02867), of logits that are kept times log2 e, so that 2^x, one instruction, is their exponential.
#pragma once

#include <cfloat>
#include <device/mma.cuh>

#include "kernels/cuda/reduce.cuh"

namespace encore::cuda {

inline constexpr float kLog2E = 1.44269504f, kLn2 = 0.69314718f;

// The largest of a warp's lanes, none of which is NaN, by one instruction for integers.
__device__ __forceinline__ float warp_largest(float x) {
  const auto ordered = [](int bits) { return bits ^ (bits >> 31 & 0x7fffffff); };  // its own inverse
  return __int_as_float(ordered(__reduce_max_sync(0xffffffffu, ordered(__float_as_int(x)))));
}

struct OnlineSoftmax {
  float most = -FLT_MAX, sum = 0;  // sum of 2^(x - most). Not -inf, less which infinities would be NaN.

  __device__ __forceinline__ void add(const float (&u)[kUnit]) {
    const float largest =
        fmaxf(fmaxf(fmaxf(u[0], u[1]), fmaxf(u[2], u[3])), fmaxf(fmaxf(u[4], u[5]), fmaxf(u[6], u[7])));
    const float before = most;
    most = fmaxf(most, largest);
    float e[kUnit];
#pragma unroll
    for (int i = 0; i < kUnit; ++i) e[i] = ptx::exp2_approx(u[i] - most);
    sum = sum * ptx::exp2_approx(before - most) + (((e[0] + e[1]) + (e[2] + e[3])) + ((e[4] + e[5]) + (e[6] + e[7])));
  }
  __device__ __forceinline__ void join(float2 other) {
    const float before = most;
    most = fmaxf(most, other.x);
    sum = sum * ptx::exp2_approx(before - most) + other.y * ptx::exp2_approx(other.x - most);
  }
  // {most, sum} of the warp's lanes, the same bits in each.
  __device__ __forceinline__ float2 of_warp() const {
    const float all = warp_largest(most);
    return make_float2(all, warp_sum(sum * ptx::exp2_approx(most - all)));
  }
};

}  // namespace encore::cuda
