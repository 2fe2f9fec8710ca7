// Backward pass in bf16. Deterministic: probabilities are computed again from lse, once in a pass over query tiles that
// sums dq, once in a pass over key tiles that sums dk and dv. With atomics: the pass over key tiles alone, between
// kernels that sum delta and round dq (attention_dq.cuh).
#pragma once

#include "kernels/cuda/attention/row_statistics.cuh"
#include "kernels/cuda/attention/tile.cuh"

namespace encore::cuda {

constexpr int kQueryPassThreads = 128, kKeyPassThreads = 256;
template <int D>
constexpr int kQueryPassSmem = 6 * kTileBytes<D>;  // Q, dO, two of K, two of V
template <int D>
constexpr int kKeyPassSmem = 6 * kTileBytes<D> + 2 * kTileRows * 128;  // K, V, two of Q, two of dO, P, dS

// a[16 rows from row_a] b[32 rows from row_b]^T, over D columns.
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
      load_b<2 * D>(b, tile_b, row_b + 16 * n, kk * 2, lane);
      ptx::mma_m16n8k16_bf16(s[2 * n], a, b[0], b[1]);
      ptx::mma_m16n8k16_bf16(s[2 * n + 1], a, b[2], b[3]);
    }
  }
}

// 32 keys: on entry scores s (no scale) and dP; on return the kept probabilities (without keep_scale) and dS.
// keys: those left, from the first of the 32; visible: of the first, or null.
template <bool kDropout>
__device__ __forceinline__ void differentiate(float (&s)[4][4], float (&dp)[4][4], const QueryRows& rows,
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
      const bool seen = key_index < keys && (!visible || visible[key_index]);
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float& score = s[o][2 * h + e];
        float& gradient = dp[o][2 * h + e];
        const float p = seen ? ptx::exp2_approx(score * scale2 - rows.lse2[h]) : 0.f;
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

// dq += dS K for a warp's 16 queries and 32 keys from row on.
template <int D>
__device__ __forceinline__ void add_keys(float (&dq)[D / 8][4], const float (&ds)[4][4], uint32_t k, int row,
                                         int lane) {
#pragma unroll
  for (int kk = 0; kk < 2; ++kk) {
    uint32_t x[4];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      x[i] = ptx::pack_bf16x2(ds[2 * kk + i / 2][i % 2 * 2], ds[2 * kk + i / 2][i % 2 * 2 + 1]);
#pragma unroll
    for (int n = 0; n < D / 16; ++n) {
      uint32_t b[4];
      load_b_rows<2 * D>(b, k, row + kk * 16, n * 2, lane);
      ptx::mma_m16n8k16_bf16(dq[2 * n], x, b[0], b[1]);
      ptx::mma_m16n8k16_bf16(dq[2 * n + 1], x, b[2], b[3]);
    }
  }
}

// A block has 64 queries of one head, a warp 16 of them.
template <int D, bool kDropout>
__global__ void __launch_bounds__(kQueryPassThreads, 2) attention_backward_queries_kernel(const AttentionArguments a) {
  const SequenceTile tile = find_tile(a.cu_seqlens_q, a.sequences, a.queries, kTileRows, int(blockIdx.x));
  if (tile.sequence < 0) return;
  const int head = int(blockIdx.y), warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32, t = lane % 4;
  const TileRange range = range_of<false>(a, tile.sequence);
  const int64_t key_start = range.key_start, query_start = range.query_start + tile.first;
  const int keys = range.keys, queries = range.queries - tile.first;
  const int row = warp * 16 + lane / 4;
  unsigned char* const smem = dynamic_smem<unsigned char>();
  const uint32_t q_tile = ptx::shared_address(smem), dout_tile = q_tile + kTileBytes<D>,
                 pairs = dout_tile + kTileBytes<D>;  // K, V; K, V
  const auto* k = head_rows<const __nv_bfloat16>(a.k, key_start, head * D);
  const auto* v = head_rows<const __nv_bfloat16>(a.v, key_start, head * D);
  load_tile<D, kQueryPassThreads>(q_tile, head_rows<const __nv_bfloat16>(a.q, query_start, head * D), a.q.ld, queries);
  load_tile<D, kQueryPassThreads>(dout_tile, head_rows<const __nv_bfloat16>(a.dout, query_start, head * D), a.dout.ld,
                                  queries);
  if (keys > 0) {
    load_tile<D, kQueryPassThreads>(pairs, k, a.k.ld, keys);
    load_tile<D, kQueryPassThreads>(pairs + kTileBytes<D>, v, a.v.ld, keys);
  }
  ptx::cp_async_commit();

  DropoutKey key{};
  int position[2] = {0, 8};
  if constexpr (kDropout) {
    key = dropout_key(a, tile.sequence, head);
    row_positions(a, query_start - tile.first, tile.first + row, tile.first + queries, position);
  }
  QueryRows rows;
  compute_delta<D>(a, head, query_start, queries, rows.delta);
#pragma unroll
  for (int h = 0; h < 2; ++h) rows.lse2[h] = scaled_lse(a, head, query_start + row + 8 * h, row + 8 * h < queries);
  float dq[D / 8][4] = {};
  for (int first = 0, buffer = 0; first < keys; first += kTileRows, buffer ^= 1) {
    const int next = first + kTileRows;
    const uint32_t k_tile = pairs + uint32_t(buffer * 2 * kTileBytes<D>), v_tile = k_tile + kTileBytes<D>;
    ptx::cp_async_wait<0>();
    __syncthreads();
    if (next < keys) {
      const uint32_t to = pairs + uint32_t((buffer ^ 1) * 2 * kTileBytes<D>);
      load_tile<D, kQueryPassThreads>(to, k + next * a.k.ld, a.k.ld, keys - next);
      load_tile<D, kQueryPassThreads>(to + kTileBytes<D>, v + next * a.v.ld, a.v.ld, keys - next);
      ptx::cp_async_commit();
    }
#pragma unroll 1
    for (int half = 0; half < 64; half += 32) {
      float s[4][4] = {}, dp[4][4] = {};
      multiply_rows<D>(s, q_tile, warp * 16, k_tile, half, lane);
      multiply_rows<D>(dp, dout_tile, warp * 16, v_tile, half, lane);
      differentiate<kDropout>(s, dp, rows, a, key, position, first + half, keys - first - half,
                              a.visible ? a.visible + key_start + first + half : nullptr, t);
      add_keys<D>(dq, dp, k_tile, half, lane);
    }
  }
  ptx::cp_async_wait<0>();
  __syncthreads();
#pragma unroll
  for (int h = 0; h < 2; ++h) {
#pragma unroll
    for (int n = 0; n < D / 8; ++n)
      put_pair<2 * D>(smem, row + 8 * h, n, t, dq[n][2 * h] * a.scale, dq[n][2 * h + 1] * a.scale);
  }
  __syncthreads();
  store_tile<D, kQueryPassThreads>(smem, head_rows<__nv_bfloat16>(a.dq, query_start, head * D), a.dq.ld, queries);
}

// sum += x^T y: 16 columns of x from chunk_x on, D / 2 columns of y from chunk_y on, over 64 rows (queries).
template <int D>
__device__ __forceinline__ void add_transposed(float (&sum)[D / 16][4], uint32_t x, int chunk_x, uint32_t y,
                                               int chunk_y, int lane) {
#pragma unroll
  for (int kk = 0; kk < 4; ++kk) {
    uint32_t a[4];
    load_a_transposed<128>(a, x, kk * 16, chunk_x, lane);
#pragma unroll
    for (int n = 0; n < D / 32; ++n) {
      uint32_t b[4];
      load_b_rows<2 * D>(b, y, kk * 16, chunk_y + n * 2, lane);
      ptx::mma_m16n8k16_bf16(sum[2 * n], a, b[0], b[1]);
      ptx::mma_m16n8k16_bf16(sum[2 * n + 1], a, b[2], b[3]);
    }
  }
}

// dq_sum += dS K for a warp's 16 queries, 64 keys and half the columns.
template <int D>
__device__ __forceinline__ void scatter_keys(const AttentionArguments& a, int64_t query, int queries, int column,
                                             uint32_t ds, int part, uint32_t k, int chunk, int lane) {
  float dq[D / 16][4] = {};
#pragma unroll
  for (int kk = 0; kk < 4; ++kk) {
    uint32_t x[4];
    load_a<128>(x, ds, part, kk * 2, lane);
#pragma unroll
    for (int n = 0; n < D / 32; ++n) {
      uint32_t b[4];
      load_b_rows<2 * D>(b, k, kk * 16, chunk + n * 2, lane);
      ptx::mma_m16n8k16_bf16(dq[2 * n], x, b[0], b[1]);
      ptx::mma_m16n8k16_bf16(dq[2 * n + 1], x, b[2], b[3]);
    }
  }
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int row = part + lane / 4 + 8 * h;
    if (row >= queries) continue;
    float* const to = a.dq_sum + ((query + row) * a.heads) * D + column + 2 * (lane % 4);
#pragma unroll
    for (int n = 0; n < D / 16; ++n) {
      atomicAdd(to + n * 8, dq[n][2 * h]);
      atomicAdd(to + n * 8 + 1, dq[n][2 * h + 1]);
    }
  }
}

// A block has 64 keys of one head. Scores: a warp has 16 queries x 32 keys, so that one draw serves each lane. Sums: a
// warp has 16 keys x half the columns; P and dS change hands through shared memory.
template <int D, bool kDropout, bool kAtomic>
__global__ void __launch_bounds__(kKeyPassThreads, D <= 32 ? 2 : 1)
    attention_backward_keys_kernel(const AttentionArguments a) {
  const SequenceTile tile = find_tile(a.cu_seqlens, a.sequences, a.tokens, kTileRows, int(blockIdx.x));
  if (tile.sequence < 0) return;
  const int head = int(blockIdx.y), warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32, t = lane % 4;
  const int part = warp % 4 * 16, half = warp / 4;
  const TileRange range = range_of<true>(a, tile.sequence);
  const int64_t key_start = range.key_start + tile.first, query_start = range.query_start;
  const int keys = range.keys - tile.first, queries = range.queries;
  unsigned char* const smem = dynamic_smem<unsigned char>();
  unsigned char *const p_bytes = smem + 6 * kTileBytes<D>, *const ds_bytes = p_bytes + kTileRows * 128;
  const uint32_t k_tile = ptx::shared_address(smem), v_tile = k_tile + kTileBytes<D>,
                 pairs = v_tile + kTileBytes<D>,  // Q, dO; Q, dO
      p_tile = pairs + 4 * kTileBytes<D>, ds_tile = p_tile + kTileRows * 128;
  const auto* q = head_rows<const __nv_bfloat16>(a.q, query_start, head * D);
  const auto* dout = head_rows<const __nv_bfloat16>(a.dout, query_start, head * D);
  load_tile<D, kKeyPassThreads>(k_tile, head_rows<const __nv_bfloat16>(a.k, key_start, head * D), a.k.ld, keys);
  load_tile<D, kKeyPassThreads>(v_tile, head_rows<const __nv_bfloat16>(a.v, key_start, head * D), a.v.ld, keys);
  if (queries > 0) {
    load_tile<D, kKeyPassThreads>(pairs, q, a.q.ld, queries);
    load_tile<D, kKeyPassThreads>(pairs + kTileBytes<D>, dout, a.dout.ld, queries);
  }
  ptx::cp_async_commit();
  DropoutKey key{};
  if constexpr (kDropout) key = dropout_key(a, tile.sequence, head);
  const uint8_t* const visible = a.visible ? a.visible + key_start + 32 * half : nullptr;

  float dk[D / 16][4] = {}, dv[D / 16][4] = {};
  for (int first = 0, buffer = 0; first < queries; first += kTileRows, buffer ^= 1) {
    const int next = first + kTileRows;
    const uint32_t q_tile = pairs + uint32_t(buffer * 2 * kTileBytes<D>), dout_tile = q_tile + kTileBytes<D>;
    ptx::cp_async_wait<0>();
    __syncthreads();
    if (next < queries) {
      const uint32_t to = pairs + uint32_t((buffer ^ 1) * 2 * kTileBytes<D>);
      load_tile<D, kKeyPassThreads>(to, q + next * a.q.ld, a.q.ld, queries - next);
      load_tile<D, kKeyPassThreads>(to + kTileBytes<D>, dout + next * a.dout.ld, a.dout.ld, queries - next);
      ptx::cp_async_commit();
    }
    const int row = part + lane / 4;
    QueryRows rows;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int query = first + row + 8 * h;
      rows.lse2[h] = scaled_lse(a, head, query_start + query, query < queries);
      rows.delta[h] = query < queries ? a.delta[head * a.queries + query_start + query] : 0.f;
    }
    int position[2] = {0, 8};
    if constexpr (kDropout) row_positions(a, query_start, first + row, queries, position);
    float s[4][4] = {}, dp[4][4] = {};
    multiply_rows<D>(s, q_tile, part, k_tile, 32 * half, lane);
    multiply_rows<D>(dp, dout_tile, part, v_tile, 32 * half, lane);
    differentiate<kDropout>(s, dp, rows, a, key, position, tile.first + 32 * half, keys - 32 * half, visible, t);
#pragma unroll
    for (int o = 0; o < 4; ++o) {
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        put_pair<128>(p_bytes, row + 8 * h, 4 * half + o, t, s[o][2 * h], s[o][2 * h + 1]);
        put_pair<128>(ds_bytes, row + 8 * h, 4 * half + o, t, dp[o][2 * h], dp[o][2 * h + 1]);
      }
    }
    __syncthreads();
    add_transposed<D>(dv, p_tile, part / 8, dout_tile, half * (D / 16), lane);
    add_transposed<D>(dk, ds_tile, part / 8, q_tile, half * (D / 16), lane);
    if constexpr (kAtomic)
      scatter_keys<D>(a, query_start + first, queries - first, head * D + half * (D / 2), ds_tile, part, k_tile,
                      half * (D / 16), lane);
  }
  ptx::cp_async_wait<0>();
  __syncthreads();
  const float dv_factor = kDropout ? a.keep_scale : 1.f;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int row = part + lane / 4 + 8 * h;
#pragma unroll
    for (int n = 0; n < D / 16; ++n) {
      const int chunk = half * (D / 16) + n;
      put_pair<2 * D>(smem, row, chunk, t, dk[n][2 * h] * a.scale, dk[n][2 * h + 1] * a.scale);
      put_pair<2 * D>(smem + kTileBytes<D>, row, chunk, t, dv[n][2 * h] * dv_factor, dv[n][2 * h + 1] * dv_factor);
    }
  }
  __syncthreads();
  store_tile<D, kKeyPassThreads>(smem, head_rows<__nv_bfloat16>(a.dk, key_start, head * D), a.dk.ld, keys);
  store_tile<D, kKeyPassThreads>(smem + kTileBytes<D>, head_rows<__nv_bfloat16>(a.dv, key_start, head * D), a.dv.ld,
                                 keys);
}

}  // namespace encore::cuda
