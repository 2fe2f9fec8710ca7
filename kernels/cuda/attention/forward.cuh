// Forward pass in bf16. A block of four warps has 64 queries of one head and walks over the keys in tiles of 64: the
// next K arrives while the scores are computed, the next V while they are used.
#pragma once

#include "kernels/cuda/attention/softmax.cuh"
#include "kernels/cuda/attention/tile.cuh"

namespace encore::cuda {

constexpr int kForwardThreads = 128;
template <int D>
constexpr int kForwardSmem = 5 * kTileBytes<D>;  // Q, two of K, two of V

// The scores (no scale) of a warp's 16 queries and 64 keys.
template <int D>
__device__ __forceinline__ void multiply_keys(float (&s)[8][4], const uint32_t (&q)[D / 16][4], uint32_t k, int lane) {
#pragma unroll
  for (int n = 0; n < 4; ++n) {
#pragma unroll
    for (int kk = 0; kk < D / 16; ++kk) {
      uint32_t b[4];
      load_b<2 * D>(b, k, n * 16, kk * 2, lane);
      ptx::mma_m16n8k16_bf16(s[2 * n], q[kk], b[0], b[1]);
      ptx::mma_m16n8k16_bf16(s[2 * n + 1], q[kk], b[2], b[3]);
    }
  }
}

// out += P V for a warp's 16 queries.
template <int D>
__device__ __forceinline__ void add_values(float (&out)[D / 8][4], const float (&p)[8][4], uint32_t v, int lane) {
#pragma unroll
  for (int kk = 0; kk < 4; ++kk) {
    uint32_t a[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) a[i] = ptx::pack_bf16x2(p[2 * kk + i / 2][i % 2 * 2], p[2 * kk + i / 2][i % 2 * 2 + 1]);
#pragma unroll
    for (int n = 0; n < D / 16; ++n) {
      uint32_t b[4];
      load_b_rows<2 * D>(b, v, kk * 16, n * 2, lane);
      ptx::mma_m16n8k16_bf16(out[2 * n], a, b[0], b[1]);
      ptx::mma_m16n8k16_bf16(out[2 * n + 1], a, b[2], b[3]);
    }
  }
}

template <int D, bool kDropout>
__global__ void __launch_bounds__(kForwardThreads) attention_forward_kernel(const AttentionArguments a) {
  const SequenceTile tile = find_tile(a.cu_seqlens_q, a.sequences, a.queries, kTileRows, int(blockIdx.x));
  if (tile.sequence < 0) return;
  const int head = int(blockIdx.y), warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32, t = lane % 4;
  const TileRange range = range_of<false>(a, tile.sequence);
  const int64_t key_start = range.key_start, query_start = range.query_start + tile.first;
  const int keys = range.keys, queries = range.queries - tile.first;
  const int row = warp * 16 + lane / 4;
  unsigned char* const smem = dynamic_smem<unsigned char>();
  const uint32_t q_tile = ptx::shared_address(smem), k_tiles = q_tile + kTileBytes<D>,
                 v_tiles = k_tiles + 2 * kTileBytes<D>;
  const auto* k = head_rows<const __nv_bfloat16>(a.k, key_start, head * D);
  const auto* v = head_rows<const __nv_bfloat16>(a.v, key_start, head * D);
  load_tile<D, kForwardThreads>(q_tile, head_rows<const __nv_bfloat16>(a.q, query_start, head * D), a.q.ld, queries);
  if (keys > 0) load_tile<D, kForwardThreads>(k_tiles, k, a.k.ld, keys);
  ptx::cp_async_commit();
  if (keys > 0) load_tile<D, kForwardThreads>(v_tiles, v, a.v.ld, keys);
  ptx::cp_async_commit();

  DropoutKey key{};
  int position[2] = {0, 8};
  if constexpr (kDropout) {
    key = dropout_key(a, tile.sequence, head);
    row_positions(a, query_start - tile.first, tile.first + row, tile.first + queries, position);
  }
  const float scale2 = a.scale * kLog2E;
  float out[D / 8][4] = {};
  RunningSoftmax softmax{{-INFINITY, -INFINITY}, {0, 0}};
  uint32_t q[D / 16][4];
  for (int first = 0, buffer = 0; first < keys; first += kTileRows, buffer ^= 1) {
    const int next = first + kTileRows;
    ptx::cp_async_wait<1>();
    __syncthreads();
    if (next < keys)
      load_tile<D, kForwardThreads>(k_tiles + uint32_t((buffer ^ 1) * kTileBytes<D>), k + next * a.k.ld, a.k.ld,
                                    keys - next);
    ptx::cp_async_commit();
    if (first == 0) {
#pragma unroll
      for (int kk = 0; kk < D / 16; ++kk) load_a<2 * D>(q[kk], q_tile, warp * 16, kk * 2, lane);
    }
    float s[8][4] = {};
    multiply_keys<D>(s, q, k_tiles + uint32_t(buffer * kTileBytes<D>), lane);
    if (keys - first < kTileRows || a.visible)
      hide_keys(s, keys - first, a.visible ? a.visible + key_start + first : nullptr, t);
    float shrink[2];
    exponentiate(s, softmax, shrink, scale2);
    if constexpr (kDropout) drop(s, key, position, first, t, a.threshold);
#pragma unroll
    for (int n = 0; n < D / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) out[n][i] *= shrink[i / 2];
    }
    ptx::cp_async_wait<1>();
    __syncthreads();
    if (next < keys)
      load_tile<D, kForwardThreads>(v_tiles + uint32_t((buffer ^ 1) * kTileBytes<D>), v + next * a.v.ld, a.v.ld,
                                    keys - next);
    ptx::cp_async_commit();
    add_values<D>(out, s, v_tiles + uint32_t(buffer * kTileBytes<D>), lane);
  }
  ptx::cp_async_wait<0>();
  __syncthreads();
  // The tile of Q is free: out goes through it, so that its rows leave 16 bytes at a time.
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const float sum = row_sum(softmax.sum[h]);
    const float factor = sum > 0 ? (kDropout ? a.keep_scale : 1.f) / sum : sum;  // a NaN stays one
#pragma unroll
    for (int n = 0; n < D / 8; ++n)
      put_pair<2 * D>(smem, row + 8 * h, n, t, out[n][2 * h] * factor, out[n][2 * h + 1] * factor);
    if (t == 0 && row + 8 * h < queries)
      a.lse[head * a.lse_ld + query_start + row + 8 * h] = softmax.most[h] * a.scale + logf(sum);
  }
  __syncthreads();
  store_tile<D, kForwardThreads>(smem, head_rows<__nv_bfloat16>(a.out, query_start, head * D), a.out.ld, queries);
}

}  // namespace encore::cuda
