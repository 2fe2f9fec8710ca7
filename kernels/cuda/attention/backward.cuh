// Shared by both backward passes in bf16 by mma.sync: S = Q K^T and dP = dO V^T of 16 queries x 32 keys, and from them
// P and dS. The probabilities are computed again from lse.
//
// Deterministic: a pass over tiles of queries sums dq (backward_queries.cuh), then a pass over tiles of keys sums dk
// and dv (backward_keys.cuh). With atomics: the pass over keys alone, between kernels that compute delta and round dq
// (backward_atomics.cuh).
#pragma once

#include "kernels/cuda/attention/dropout.cuh"
#include "kernels/cuda/attention/row_statistics.cuh"
#include "kernels/cuda/attention/tile.cuh"

namespace encore::cuda {

// s += a[16 rows from row_a] b[32 rows from row_b]^T, over D columns.
template <int D>
__device__ __forceinline__ void multiply_rows(float (&s)[4][4], uint32_t tile_a, int row_a, uint32_t tile_b, int row_b,
                                              int lane) {
#pragma unroll
  for (int kk = 0; kk < D / 16; ++kk) {
    uint32_t a[4];
    load_a<2 * D>(a, tile_a, row_a, kk * 2, lane);
#pragma unroll
    for (int n = 0; n < 2; ++n) {
      uint32_t b[4];
      load_b_transposed<2 * D>(b, tile_b, row_b + 16 * n, kk * 2, lane);
      ptx::mma_m16n8k16_bf16(s[2 * n], a, b[0], b[1]);
      ptx::mma_m16n8k16_bf16(s[2 * n + 1], a, b[2], b[3]);
    }
  }
}

// Scores s (no scale) become the kept probabilities P (no keep_scale), and dP becomes dS = P (dP - delta), with dropout
// applied to dP first. column: the first of the 32 keys; keys: how many are left from there; visible: of that key, or
// null.
template <bool kDropout>
__device__ __forceinline__ void softmax_backward(float (&s)[4][4], float (&dp)[4][4], const QueryRows& rows,
                                                 const AttentionArguments& a, const DropoutKey& key,
                                                 const int (&position)[2], int column, int keys, const uint8_t* visible,
                                                 int t) {
  KeepBits bits{};
  if constexpr (kDropout) bits = draw_keep_bits(key, position[0], position[1], column / 32, t);
  const float scale2 = a.scale * kLog2E;
#pragma unroll
  for (int o = 0; o < 4; ++o) {
#pragma unroll
    for (int e = 0; e < 2; ++e) {
      const int key_index = o * 8 + 2 * t + e;
      const bool is_visible = key_index < keys && (!visible || visible[key_index]);
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float& score = s[o][2 * h + e];
        float& gradient = dp[o][2 * h + e];
        const float p = is_visible ? ptx::exp2_approx(score * scale2 - rows.lse2[h]) : 0.f;
        bool kept = true;
        if constexpr (kDropout) {
          kept = is_kept(h ? bits.bottom[o] : bits.top[o], e, a.threshold);
          gradient = kept ? gradient * a.keep_scale : 0.f;
        }
        gradient = p * (gradient - rows.delta[h]);
        score = kept ? p : 0.f;
      }
    }
  }
}

}  // namespace encore::cuda
