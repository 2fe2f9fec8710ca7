// Backward pass in bf16 by mma.sync (sm_80) over tiles of keys: dk and dv, and dq by atomics where kAtomic.
//
// Warps: eight warps; a block has 64 keys of one head. For the scores, a warp has 16 queries x 32 keys, so that one
//   dropout draw gives a lane all its bits. For the sums, it has 16 keys x half the columns.
// Shared memory: K, V, kPairs pairs of Q and dO, P, dS. dk and dv leave through the tiles of K and V.
// Pipeline: one loop over tiles of 64 queries; the next pair is copied while this one is used. Two barriers an
//   iteration: behind the wait for this pair (which also frees the other pair, P and dS), and between the stores of P
//   and dS and their products. With one pair (D = 128 where a block has 99 KiB: 8.6, 8.9, 12.x) the next is copied
//   behind a third barrier, when the products no longer need it.
// Invariants: sums have one owner each, and are added in rising order of the queries, so dk and dv are deterministic
//   with atomics too.
// Numbers: one block a multiprocessor above D = 32, since with two the registers spill (tests/faults/attention.toml
//   plants it; registers: bench/ptxas.json; traffic: bench/kernels/cost.md).
#pragma once

#include "kernels/cuda/attention/backward.cuh"

namespace encore::cuda {

constexpr int kKeyPassThreads = 256;
constexpr int kScoreTileBytes = kTileRows * 128;  // 64 x 64 in bf16
template <int D>
constexpr int kKeyPassSmem = 6 * kTileBytes<D> + 2 * kScoreTileBytes;  // K, V, two of Q, two of dO, P, dS
template <int D>
constexpr int kKeyPassSmemOnePair = kKeyPassSmem<D> - 2 * kTileBytes<D>;
static_assert(size_t(kKeyPassSmemOnePair<128>) <= kLeastSharedMemory && size_t(kKeyPassSmem<96>) <= kLeastSharedMemory);

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
      load_b<2 * D>(b, y, kk * 16, chunk_y + n * 2, lane);
      ptx::mma_m16n8k16_bf16(sum[2 * n], a, b[0], b[1]);
      ptx::mma_m16n8k16_bf16(sum[2 * n + 1], a, b[2], b[3]);
    }
  }
}

// dq_sum += dS K for a warp's 16 queries, 64 keys and half the columns.
template <int D>
__device__ __forceinline__ void atomic_add_dq(const AttentionArguments& a, int64_t query, int queries, int column,
                                              uint32_t ds, int part, uint32_t k, int chunk, int lane) {
  float dq[D / 16][4] = {};
#pragma unroll
  for (int kk = 0; kk < 4; ++kk) {
    uint32_t x[4];
    load_a<128>(x, ds, part, kk * 2, lane);
#pragma unroll
    for (int n = 0; n < D / 32; ++n) {
      uint32_t b[4];
      load_b<2 * D>(b, k, kk * 16, chunk + n * 2, lane);
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

// lse and delta of rows g and g + 8 of a warp's 16 queries from `query` on.
__device__ __forceinline__ QueryRows load_query_rows(const AttentionArguments& a, int head, int64_t query_start,
                                                     int query, int queries) {
  QueryRows rows;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int q = query + 8 * h;
    rows.lse2[h] = scaled_lse(a, head, query_start + q, q < queries);
    rows.delta[h] = q < queries ? a.delta[head * a.queries + query_start + q] : 0.f;
  }
  return rows;
}

// Scales dk and dv and writes them. The tiles of K and V are free: the results go through them.
template <int D, bool kDropout>
__device__ __forceinline__ void store_key_gradients(const AttentionArguments& a, unsigned char* smem,
                                                    const float (&dk)[D / 16][4], const float (&dv)[D / 16][4],
                                                    int head, int64_t key_start, int keys, int part, int half,
                                                    int lane) {
  const float dv_factor = kDropout ? a.keep_scale : 1.f;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int row = part + lane / 4 + 8 * h;
#pragma unroll
    for (int n = 0; n < D / 16; ++n) {
      const int chunk = half * (D / 16) + n;
      store_pair<2 * D>(smem, row, chunk, lane % 4, dk[n][2 * h] * a.scale, dk[n][2 * h + 1] * a.scale);
      store_pair<2 * D>(smem + kTileBytes<D>, row, chunk, lane % 4, dv[n][2 * h] * dv_factor,
                        dv[n][2 * h + 1] * dv_factor);
    }
  }
  __syncthreads();
  store_tile<D, kKeyPassThreads>(smem, head_rows<__nv_bfloat16>(a.dk, key_start, head * D), a.dk.ld, keys);
  store_tile<D, kKeyPassThreads>(smem + kTileBytes<D>, head_rows<__nv_bfloat16>(a.dv, key_start, head * D), a.dv.ld,
                                 keys);
}

template <int D, bool kDropout, bool kAtomic, int kPairs>
__device__ __forceinline__ void attention_backward_keys(const AttentionArguments& a) {
  const SequenceTile tile = find_tile(a.cu_seqlens, a.sequences, a.tokens, kTileRows, int(blockIdx.x));
  if (tile.sequence < 0) return;
  const int head = int(blockIdx.y), warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32, t = lane % 4;
  const int part = warp % 4 * 16, half = warp / 4;
  const SequenceRows sequence = sequence_rows<TilesOf::kKeys>(a, tile.sequence);
  const int64_t key_start = sequence.key_start + tile.first, query_start = sequence.query_start;
  const int keys = sequence.keys - tile.first, queries = sequence.queries;
  unsigned char* const smem = dynamic_smem<unsigned char>();
  unsigned char *const p_bytes = smem + (2 + 2 * kPairs) * kTileBytes<D>, *const ds_bytes = p_bytes + kScoreTileBytes;
  const uint32_t k_tile = ptx::shared_address(smem), v_tile = k_tile + kTileBytes<D>,
                 pairs = v_tile + kTileBytes<D>,  // Q, dO; Q, dO
      p_tile = pairs + 2 * kPairs * kTileBytes<D>, ds_tile = p_tile + kScoreTileBytes;
  const auto* q = head_rows<const __nv_bfloat16>(a.q, query_start, head * D);
  const auto* dout = head_rows<const __nv_bfloat16>(a.dout, query_start, head * D);
  load_tile<D, kKeyPassThreads>(k_tile, head_rows<const __nv_bfloat16>(a.k, key_start, head * D), a.k.ld, keys);
  load_tile<D, kKeyPassThreads>(v_tile, head_rows<const __nv_bfloat16>(a.v, key_start, head * D), a.v.ld, keys);
  if (queries > 0) {
    load_tile<D, kKeyPassThreads>(pairs, q, a.q.ld, queries);
    load_tile<D, kKeyPassThreads>(pairs + kTileBytes<D>, dout, a.dout.ld, queries);
  }
  ptx::cp_async_commit();
  const auto load_pair = [&](int at, uint32_t to) {
    load_tile<D, kKeyPassThreads>(to, q + at * a.q.ld, a.q.ld, queries - at);
    load_tile<D, kKeyPassThreads>(to + kTileBytes<D>, dout + at * a.dout.ld, a.dout.ld, queries - at);
    ptx::cp_async_commit();
  };
  DropoutKey key{};
  if constexpr (kDropout) key = dropout_key(a, tile.sequence, head);
  const uint8_t* const visible = a.visible ? a.visible + key_start + 32 * half : nullptr;

  float dk[D / 16][4] = {}, dv[D / 16][4] = {};
  for (int first = 0, buffer = 0; first < queries; first += kTileRows, buffer ^= kPairs - 1) {
    const int next = first + kTileRows;
    const uint32_t q_tile = pairs + uint32_t(buffer * 2 * kTileBytes<D>), dout_tile = q_tile + kTileBytes<D>;
    ptx::cp_async_wait<0>();
    __syncthreads();
    if (next < queries && kPairs == 2) load_pair(next, pairs + uint32_t((buffer ^ 1) * 2 * kTileBytes<D>));
    const int row = part + lane / 4;
    const QueryRows rows = load_query_rows(a, head, query_start, first + row, queries);
    int position[2] = {0, 8};
    if constexpr (kDropout) row_positions(a, query_start, first + row, queries, position);
    float s[4][4] = {}, dp[4][4] = {};
    multiply_rows<D>(s, q_tile, part, k_tile, 32 * half, lane);
    multiply_rows<D>(dp, dout_tile, part, v_tile, 32 * half, lane);
    softmax_backward<kDropout>(s, dp, rows, a, key, position, tile.first + 32 * half, keys - 32 * half, visible, t);
#pragma unroll
    for (int o = 0; o < 4; ++o) {
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        store_pair<128>(p_bytes, row + 8 * h, 4 * half + o, t, s[o][2 * h], s[o][2 * h + 1]);
        store_pair<128>(ds_bytes, row + 8 * h, 4 * half + o, t, dp[o][2 * h], dp[o][2 * h + 1]);
      }
    }
    __syncthreads();
    add_transposed<D>(dv, p_tile, part / 8, dout_tile, half * (D / 16), lane);
    add_transposed<D>(dk, ds_tile, part / 8, q_tile, half * (D / 16), lane);
    if constexpr (kAtomic)
      atomic_add_dq<D>(a, query_start + first, queries - first, head * D + half * (D / 2), ds_tile, part, k_tile,
                       half * (D / 16), lane);
    if constexpr (kPairs == 1) {
      __syncthreads();
      if (next < queries) load_pair(next, pairs);
    }
  }
  ptx::cp_async_wait<0>();
  __syncthreads();
  store_key_gradients<D, kDropout>(a, smem, dk, dv, head, key_start, keys, part, half, lane);
}

template <int D, bool kDropout, bool kAtomic>
__global__ void __launch_bounds__(kKeyPassThreads, D <= 32 ? 2 : 1)
    attention_backward_keys_kernel(const AttentionArguments a) {
  attention_backward_keys<D, kDropout, kAtomic, 2>(a);
}
template <int D, bool kDropout, bool kAtomic>
__global__ void __launch_bounds__(kKeyPassThreads, 1)
    attention_backward_keys_one_pair_kernel(const AttentionArguments a) {
  attention_backward_keys<D, kDropout, kAtomic, 1>(a);
}

}  // namespace encore::cuda
