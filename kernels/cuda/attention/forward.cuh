// Forward pass in bf16 by mma.sync (sm_80), head sizes 32, 64, 96 and 128.
//
// Warps: four warps of 16 queries each; a block has 64 queries of one head. All of them copy and all of them compute.
// Shared memory: Q, two tiles of K, two of V. The output leaves through the tile of Q.
// Pipeline: one loop over tiles of 64 keys. The next K is copied while the scores are computed and the next V while P V
//   is. Each iteration waits twice, for its K and for its V (cp_async_wait<1>: the newest copy may be in flight), and
//   the barrier behind each wait also frees the buffer that the next copy fills.
// Invariants: every wait sees one more group of copies than it allows, so a group is closed in every iteration, empty
//   or not. Q's group is K's first.
// Numbers: 64 x 64 tiles take 5 x 8 KB at D = 64, so two blocks or more share a multiprocessor of any card (registers:
//   bench/ptxas.json; traffic: bench/kernels/cost.md).
#pragma once

#include "kernels/cuda/attention/dropout.cuh"
#include "kernels/cuda/attention/softmax.cuh"
#include "kernels/cuda/attention/tile.cuh"

namespace encore::cuda {

constexpr int kForwardThreads = 128;
static_assert(kForwardThreads / 32 * 16 == kTileRows);
template <int D>
constexpr int kForwardSmem = 5 * kTileBytes<D>;  // Q, two of K, two of V
static_assert(size_t(kForwardSmem<128>) <= kLeastSharedMemory);

// The scores (no scale) of a warp's 16 queries and 64 keys.
template <int D>
__device__ __forceinline__ void multiply_keys(float (&s)[8][4], const uint32_t (&q)[D / 16][4], uint32_t k, int lane) {
#pragma unroll
  for (int n = 0; n < 4; ++n) {
#pragma unroll
    for (int kk = 0; kk < D / 16; ++kk) {
      uint32_t b[4];
      load_b_transposed<2 * D>(b, k, n * 16, kk * 2, lane);
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
      load_b<2 * D>(b, v, kk * 16, n * 2, lane);
      ptx::mma_m16n8k16_bf16(out[2 * n], a, b[0], b[1]);
      ptx::mma_m16n8k16_bf16(out[2 * n + 1], a, b[2], b[3]);
    }
  }
}

// Normalises the rows and writes them, and lse. The tile of Q is free: the output goes through it.
template <int D, bool kDropout>
__device__ __forceinline__ void store_output(const AttentionArguments& a, unsigned char* tile,
                                             const float (&out)[D / 8][4], const OnlineSoftmax& softmax, int head,
                                             int64_t query_start, int queries, int row, int t) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const float sum = reduce_row_sum(softmax.row_sum[h]), factor = output_factor<kDropout>(sum, a.keep_scale);
#pragma unroll
    for (int n = 0; n < D / 8; ++n)
      store_pair<2 * D>(tile, row + 8 * h, n, t, out[n][2 * h] * factor, out[n][2 * h + 1] * factor);
    if (t == 0 && row + 8 * h < queries)
      a.lse[head * a.lse_ld + query_start + row + 8 * h] = softmax.row_max[h] * a.scale + logf(sum);
  }
  __syncthreads();
  store_tile<D, kForwardThreads>(tile, head_rows<__nv_bfloat16>(a.out, query_start, head * D), a.out.ld, queries);
}

template <int D, bool kDropout>
__global__ void __launch_bounds__(kForwardThreads) attention_forward_kernel(const AttentionArguments a) {
  const SequenceTile tile = find_tile(a.cu_seqlens_q, a.sequences, a.queries, kTileRows, int(blockIdx.x));
  if (tile.sequence < 0) return;
  const int head = int(blockIdx.y), warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32, t = lane % 4;
  const SequenceRows sequence = sequence_rows<TilesOf::kQueries>(a, tile.sequence);
  const int64_t key_start = sequence.key_start, query_start = sequence.query_start + tile.first;
  const int keys = sequence.keys, queries = sequence.queries - tile.first;
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
  OnlineSoftmax softmax;
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
    float s[8][4] = {}, rescale[2];
    multiply_keys<D>(s, q, k_tiles + uint32_t(buffer * kTileBytes<D>), lane);
    if (keys - first < kTileRows || a.visible)
      mask_keys(s, keys - first, a.visible ? a.visible + key_start + first : nullptr, t);
    update_softmax(s, softmax, rescale, scale2);
    if constexpr (kDropout) apply_dropout(s, key, position, first, t, a.threshold);
    rescale_rows(out, rescale);
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
  store_output<D, kDropout>(a, smem, out, softmax, head, query_start, queries, row, t);
}

}  // namespace encore::cuda
