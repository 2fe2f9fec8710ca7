// Forward pass in fp32 by multiply-adds, for every head size (tile_f32.cuh has the layout of a block).
//
// Warps: eight warps, all of which copy and compute.
// Shared memory: Q, K, V, the probabilities of a tile, and with dropout a byte a score.
// Pipeline: none. An iteration loads a tile of 32 keys, and barriers stand between the loads, the scores and P V.
// Numbers: this is the reference path of the device (no TF32); its speed was not tuned.
#pragma once

#include "kernels/cuda/attention/tile_f32.cuh"

namespace encore::cuda {

template <int D>
__global__ void __launch_bounds__(kF32Threads) attention_forward_f32_kernel(const AttentionArguments a) {
  const F32Block b = f32_block<TilesOf::kQueries>(a);
  if (b.sequence < 0) return;
  const F32Tiles<D> s = f32_tiles<D>();
  load_rows_f32<D>(s.q, a.q, b, b.query_start, b.first, b.queries);
  float out[2][D / 16] = {}, row_max[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};
  for (int key = 0; key < b.keys; key += kF32Rows) {
    load_rows_f32<D>(s.k, a.k, b, b.key_start, key, b.keys);
    load_rows_f32<D>(s.v, a.v, b, b.key_start, key, b.keys);
    if (a.threshold) draw_keep_bytes(s.keep, a, b.sequence, b.head, b.query_start, b.first, b.queries, key);
    __syncthreads();
    float score[2][2] = {};
    multiply_f32<D>(score, s.q, s.k, b.ty, b.tx);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
      for (int j = 0; j < 2; ++j)
        score[i][j] = is_visible(a, b.key_start, key + b.tx + 16 * j, b.keys) ? score[i][j] * a.scale : -INFINITY;
      const float before = row_max[i];
      row_max[i] = reduce_row_max_f32(fmaxf(before, fmaxf(score[i][0], score[i][1])));
      const float offset = row_max[i] == -INFINITY ? 0.f : row_max[i], rescale = expf(before - offset);
      sum[i] *= rescale;
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const float p = expf(score[i][j] - offset);
        sum[i] += p;
        const int row = b.ty + 16 * i, column = b.tx + 16 * j;
        s.p[row * kScoreLd + column] = !a.threshold || is_kept_at(s.keep, row, column) ? p : 0.f;
      }
#pragma unroll
      for (int j = 0; j < D / 16; ++j) out[i][j] *= rescale;
    }
    __syncthreads();
    add_product_f32<D, false>(out, s.p, s.v, b.ty, b.tx);
    __syncthreads();
  }
  float factor[2];
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const float total = reduce_row_sum_f32(sum[i]);
    factor[i] = total > 0 ? a.keep_scale / total : total;
    const int row = b.first + b.ty + 16 * i;
    if (b.tx == 0 && row < b.queries) a.lse[b.head * a.lse_ld + b.query_start + row] = row_max[i] + logf(total);
  }
  store_accumulators_f32<D>(s.q, a.out, b.query_start + b.first, b.head * D, b.queries - b.first, out, factor, b.ty,
                            b.tx);
}

}  // namespace encore::cuda
