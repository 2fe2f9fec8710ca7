// Backward pass in bf16 by mma.sync (sm_80) over tiles of queries: dq, and delta for the pass over keys.
//
// Warps: four warps of 16 queries each; a block has 64 queries of one head. All of them copy and all of them compute.
// Shared memory: Q, dO, and two pairs of K and V. dq leaves through the tile of Q.
// Pipeline: one loop over tiles of 64 keys; the next pair is copied while this one is used. The barrier behind the wait
//   makes this pair visible to all warps, and frees the other.
// Invariants: dS goes from accumulators to operand A in registers, so no barrier is needed between the products.
// Numbers: 32 keys at a time: S and dP of 64 would take 32 registers more, and at D = 128 with dropout a thread has 238
//   of 255 on sm_80 (bench/ptxas.json; traffic: bench/kernels/cost.md).
#pragma once

#include "kernels/cuda/attention/backward.cuh"

namespace encore::cuda {

constexpr int kQueryPassThreads = 128;
static_assert(kQueryPassThreads == 2 * kTileRows, "compute_delta has two threads a row");
template <int D>
constexpr int kQueryPassSmem = 6 * kTileBytes<D>;  // Q, dO, two of K, two of V
static_assert(size_t(kQueryPassSmem<128>) <= kLeastSharedMemory);

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
      load_b<2 * D>(b, k, row + kk * 16, n * 2, lane);
      ptx::mma_m16n8k16_bf16(dq[2 * n], x, b[0], b[1]);
      ptx::mma_m16n8k16_bf16(dq[2 * n + 1], x, b[2], b[3]);
    }
  }
}

template <int D, bool kDropout>
__global__ void __launch_bounds__(kQueryPassThreads, 2) attention_backward_queries_kernel(const AttentionArguments a) {
  const SequenceTile tile = find_tile(a.cu_seqlens_q, a.sequences, a.queries, kTileRows, int(blockIdx.x));
  if (tile.sequence < 0) return;
  const int head = int(blockIdx.y), warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32, t = lane % 4;
  const SequenceRows sequence = sequence_rows<TilesOf::kQueries>(a, tile.sequence);
  const int64_t key_start = sequence.key_start, query_start = sequence.query_start + tile.first;
  const int keys = sequence.keys, queries = sequence.queries - tile.first;
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
      softmax_backward<kDropout>(s, dp, rows, a, key, position, first + half, keys - first - half,
                                 a.visible ? a.visible + key_start + first + half : nullptr, t);
      add_keys<D>(dq, dp, k_tile, half, lane);
    }
  }
  ptx::cp_async_wait<0>();
  __syncthreads();
  store_accumulators<2 * D>(smem, dq, row, 0, t, {a.scale, a.scale});
  __syncthreads();
  store_tile<D, kQueryPassThreads>(smem, head_rows<__nv_bfloat16>(a.dq, query_start, head * D), a.dq.ld, queries);
}

}  // namespace encore::cuda
