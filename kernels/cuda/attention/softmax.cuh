// The online softmax of the forward pass (Milakov and Gimelshein, 2018; FlashAttention-2), on the accumulators that a
// lane holds of 16 queries x 64 keys: rows g and g + 8 (h = 0, 1), where lane = 4 g + t.
#pragma once

#include <cuda_runtime.h>

#include <cmath>
#include <device/mma.cuh>

#include "kernels/cuda/attention/sequence_tiles.cuh"

namespace encore::cuda {

constexpr float kLog2E = 1.4426950408889634f;

// Sets the scores of keys past the end and of hidden keys to -inf. visible: of the tile's first key, or null.
__device__ __forceinline__ void mask_keys(float (&s)[8][4], int keys, const uint8_t* visible, int t) {
#pragma unroll
  for (int n = 0; n < 8; ++n) {
#pragma unroll
    for (int e = 0; e < 2; ++e) {
      const int key = n * 8 + 2 * t + e;
      if (key >= keys || (visible && !visible[key])) s[n][e] = s[n][2 + e] = -INFINITY;
    }
  }
}

// The state of rows g and g + 8 after the tiles so far.
struct OnlineSoftmax {
  float row_max[2] = {-INFINITY, -INFINITY};
  float row_sum[2] = {0, 0};  // of this lane's columns
};

// Turns scores into exp2(scale2 (s - row_max)), with the new maximum; rescale: the factor for what was summed with the
// old one. scale2 = scale log2(e). A row without a visible key keeps a sum of 0.
__device__ __forceinline__ void update_softmax(float (&s)[8][4], OnlineSoftmax& state, float (&rescale)[2],
                                               float scale2) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float row_max = state.row_max[h];
#pragma unroll
    for (int n = 0; n < 8; ++n) row_max = fmaxf(row_max, fmaxf(s[n][2 * h], s[n][2 * h + 1]));
    row_max = fmaxf(row_max, __shfl_xor_sync(kWholeWarp, row_max, 1));
    row_max = fmaxf(row_max, __shfl_xor_sync(kWholeWarp, row_max, 2));
    const float offset = row_max == -INFINITY ? 0.f : row_max * scale2;
    rescale[h] = ptx::exp2_approx(state.row_max[h] * scale2 - offset);
    state.row_max[h] = row_max;
    float sum = 0;
#pragma unroll
    for (int n = 0; n < 8; ++n) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        s[n][2 * h + e] = ptx::exp2_approx(s[n][2 * h + e] * scale2 - offset);
        sum += s[n][2 * h + e];
      }
    }
    state.row_sum[h] = state.row_sum[h] * rescale[h] + sum;
  }
}

template <int N>
__device__ __forceinline__ void rescale_rows(float (&out)[N][4], const float (&rescale)[2]) {
#pragma unroll
  for (int n = 0; n < N; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) out[n][i] *= rescale[i / 2];
  }
}

// A row's sum over the four lanes that share it.
__device__ __forceinline__ float reduce_row_sum(float sum) {
  sum += __shfl_xor_sync(kWholeWarp, sum, 1);
  return sum + __shfl_xor_sync(kWholeWarp, sum, 2);
}

// The factor of a row's output at the end. A row without a visible key gives 0, and a NaN stays one.
template <bool kDropout>
__device__ __forceinline__ float output_factor(float sum, float keep_scale) {
  return sum > 0 ? (kDropout ? keep_scale : 1.f) / sum : sum;
}

}  // namespace encore::cuda
