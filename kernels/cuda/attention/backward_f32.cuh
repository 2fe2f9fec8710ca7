// Backward pass in fp32 by multiply-adds, for every head size (tile_f32.cuh has the layout of a block): over tiles of
// queries for dq and delta, then over tiles of keys for dk and dv. With atomics, the pass over keys alone, between the
// kernels of backward_atomics.cuh.
//
// Warps: eight warps, all of which copy and compute.
// Shared memory: Q, K, V, dO, P and dS of a tile, and with dropout a byte a score.
// Pipeline: none. An iteration loads a tile of the other side, and barriers stand between the loads, P and dS, and the
//   sums.
// Invariants: sums have one owner each, and are added in rising order of the other side's rows (dq_sum excepted).
#pragma once

#include "kernels/cuda/attention/tile_f32.cuh"

namespace encore::cuda {

// P (kept) and dS of 32 queries from `query` and 32 keys from `key`, into shared memory.
template <int D>
__device__ __forceinline__ void softmax_backward_f32(const AttentionArguments& a, const F32Block& b,
                                                     const F32Tiles<D>& s, int query, int key) {
  float score[2][2] = {}, dp[2][2] = {};
  multiply_f32<D>(score, s.q, s.k, b.ty, b.tx);
  multiply_f32<D>(dp, s.dout, s.v, b.ty, b.tx);
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int row = b.ty + 16 * i;
    const bool inside = query + row < b.queries;
    const int64_t at = b.query_start + query + row;
    const float lse = inside ? a.lse[b.head * a.lse_ld + at] : -INFINITY;
    const float delta = inside ? a.delta[b.head * a.queries + at] : 0.f;
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const int column = b.tx + 16 * j;
      const bool visible = lse != -INFINITY && is_visible(a, b.key_start, key + column, b.keys);
      const bool kept = !a.threshold || is_kept_at(s.keep, row, column);
      const float p = visible ? expf(score[i][j] * a.scale - lse) : 0.f;
      s.p[row * kScoreLd + column] = kept ? p : 0.f;
      s.ds[row * kScoreLd + column] = p * ((kept ? dp[i][j] * a.keep_scale : 0.f) - delta);
    }
  }
}

template <int D>
__global__ void __launch_bounds__(kF32Threads, 2) attention_backward_queries_f32_kernel(const AttentionArguments a) {
  const F32Block b = f32_block<TilesOf::kQueries>(a);
  if (b.sequence < 0) return;
  const F32Tiles<D> s = f32_tiles<D>();
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int row = b.first + b.ty + 16 * i;
    float sum = 0;
    if (row < b.queries) {
      const float* out = head_rows<const float>(a.out, b.query_start + row, b.head * D);
      const float* dout = head_rows<const float>(a.dout, b.query_start + row, b.head * D);
#pragma unroll
      for (int c = 4 * b.tx; c < D; c += 64) {
        const float4 x = *reinterpret_cast<const float4*>(out + c), y = *reinterpret_cast<const float4*>(dout + c);
        sum = fmaf(x.w, y.w, fmaf(x.z, y.z, fmaf(x.y, y.y, fmaf(x.x, y.x, sum))));
      }
    }
    sum = reduce_row_sum_f32(sum);
    if (b.tx == 0 && row < b.queries) a.delta[b.head * a.queries + b.query_start + row] = sum;
  }
  load_rows_f32<D>(s.q, a.q, b, b.query_start, b.first, b.queries);
  load_rows_f32<D>(s.dout, a.dout, b, b.query_start, b.first, b.queries);
  float dq[2][D / 16] = {};
  for (int key = 0; key < b.keys; key += kF32Rows) {
    load_rows_f32<D>(s.k, a.k, b, b.key_start, key, b.keys);
    load_rows_f32<D>(s.v, a.v, b, b.key_start, key, b.keys);
    if (a.threshold) draw_keep_bytes(s.keep, a, b.sequence, b.head, b.query_start, b.first, b.queries, key);
    __syncthreads();
    softmax_backward_f32<D>(a, b, s, b.first, key);
    __syncthreads();
    add_product_f32<D, false>(dq, s.ds, s.k, b.ty, b.tx);
    __syncthreads();
  }
  store_accumulators_f32<D>(s.q, a.dq, b.query_start + b.first, b.head * D, b.queries - b.first, dq, {a.scale, a.scale},
                            b.ty, b.tx);
}

// dq_sum += dS K for 32 queries from `query` on.
template <int D>
__device__ __forceinline__ void atomic_add_dq_f32(const AttentionArguments& a, const F32Block& b, const F32Tiles<D>& s,
                                                  int query) {
  float dq[2][D / 16] = {};
  add_product_f32<D, false>(dq, s.ds, s.k, b.ty, b.tx);
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int row = query + b.ty + 16 * i;
    if (row >= b.queries) continue;
    float* const to = a.dq_sum + ((b.query_start + row) * a.heads + b.head) * D + b.tx;
#pragma unroll
    for (int j = 0; j < D / 16; ++j) atomicAdd(to + 16 * j, dq[i][j]);
  }
}

template <int D, bool kAtomic>
__global__ void __launch_bounds__(kF32Threads, 1) attention_backward_keys_f32_kernel(const AttentionArguments a) {
  const F32Block b = f32_block<TilesOf::kKeys>(a);
  if (b.sequence < 0) return;
  const F32Tiles<D> s = f32_tiles<D>();
  load_rows_f32<D>(s.k, a.k, b, b.key_start, b.first, b.keys);
  load_rows_f32<D>(s.v, a.v, b, b.key_start, b.first, b.keys);
  float dk[2][D / 16] = {}, dv[2][D / 16] = {};
  for (int query = 0; query < b.queries; query += kF32Rows) {
    load_rows_f32<D>(s.q, a.q, b, b.query_start, query, b.queries);
    load_rows_f32<D>(s.dout, a.dout, b, b.query_start, query, b.queries);
    if (a.threshold) draw_keep_bytes(s.keep, a, b.sequence, b.head, b.query_start, query, b.queries, b.first);
    __syncthreads();
    softmax_backward_f32<D>(a, b, s, query, b.first);
    __syncthreads();
    add_product_f32<D, true>(dv, s.p, s.dout, b.ty, b.tx);
    add_product_f32<D, true>(dk, s.ds, s.q, b.ty, b.tx);
    if constexpr (kAtomic) atomic_add_dq_f32<D>(a, b, s, query);
    __syncthreads();
  }
  store_accumulators_f32<D>(s.q, a.dk, b.key_start + b.first, b.head * D, b.keys - b.first, dk, {a.scale, a.scale},
                            b.ty, b.tx);
  store_accumulators_f32<D>(s.q, a.dv, b.key_start + b.first, b.head * D, b.keys - b.first, dv,
                            {a.keep_scale, a.keep_scale}, b.ty, b.tx);
}

}  // namespace encore::cuda
