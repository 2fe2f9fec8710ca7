// The softmax of the forward pass, on the accumulators of 16 queries and 64 keys of a warp.
#pragma once

#include "kernels/cuda/attention/tile.cuh"

namespace encore::cuda {

// -inf for keys past the end and for hidden ones. visible: of this tile's first key, or null.
__device__ __forceinline__ void hide_keys(float (&s)[8][4], int keys, const uint8_t* visible, int t) {
#pragma unroll
  for (int n = 0; n < 8; ++n) {
#pragma unroll
    for (int e = 0; e < 2; ++e) {
      const int key = n * 8 + 2 * t + e;
      if (key >= keys || (visible && !visible[key])) s[n][e] = s[n][2 + e] = -INFINITY;
    }
  }
}

// Softmax so far of rows g and g + 8.
struct RunningSoftmax {
  float most[2], sum[2];
};

// Turns scores into exp2 of their distance to the row's maximum, and gives the factor by which what was summed before
// shrinks. A row that has seen nothing keeps sums of 0.
__device__ __forceinline__ void exponentiate(float (&s)[8][4], RunningSoftmax& row, float (&shrink)[2], float scale2) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float most = row.most[h];
#pragma unroll
    for (int n = 0; n < 8; ++n) most = fmaxf(most, fmaxf(s[n][2 * h], s[n][2 * h + 1]));
    most = fmaxf(most, __shfl_xor_sync(kWholeWarp, most, 1));
    most = fmaxf(most, __shfl_xor_sync(kWholeWarp, most, 2));
    const float offset = most == -INFINITY ? 0.f : most * scale2;
    shrink[h] = ptx::exp2_approx(row.most[h] * scale2 - offset);
    row.most[h] = most;
    float sum = 0;
#pragma unroll
    for (int n = 0; n < 8; ++n) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        s[n][2 * h + e] = ptx::exp2_approx(s[n][2 * h + e] * scale2 - offset);
        sum += s[n][2 * h + e];
      }
    }
    row.sum[h] = row.sum[h] * shrink[h] + sum;
  }
}

// Zeros for the dropped ones of 64 keys from column on.
__device__ __forceinline__ void drop(float (&s)[8][4], const DropoutKey& key, const int (&position)[2], int column,
                                     int t, uint32_t threshold) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const KeepBits bits = draw_keep_bits(key, position[0], position[1], column / 32 + half, t);
#pragma unroll
    for (int o = 0; o < 4; ++o) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        if (!is_kept(bits.top[o], e, threshold)) s[4 * half + o][e] = 0;
        if (!is_kept(bits.bottom[o], e, threshold)) s[4 * half + o][2 + e] = 0;
      }
    }
  }
}

// A row's sum over the four lanes that share it.
__device__ __forceinline__ float row_sum(float sum) {
  sum += __shfl_xor_sync(kWholeWarp, sum, 1);
  return sum + __shfl_xor_sync(kWholeWarp, sum, 2);
}

}  // namespace encore::cuda
