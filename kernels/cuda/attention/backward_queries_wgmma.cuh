// Backward pass in bf16 by wgmma (sm_90a, head size 64) over tiles of queries: dq, delta, and with dropout the keep
// bits for the pass over keys (keep_bits.cuh).
//
// Warps: three warpgroups of 64 queries each; all compute, the first two also copy (tile_wgmma.cuh has the ring).
// Shared memory: Q and dO of the three warpgroups, three stages of K and V. dq leaves through the tiles of Q.
// Pipeline: S = Q K^T and dP = dO V^T of a tile and dq += dS K of the tile before are in flight together. The
//   exponentials run behind dP and dq.
// Numbers: one block has a multiprocessor (153 registers in 384 threads, 165 with dropout), so a warpgroup must keep
//   the tensor cores busy itself. Both passes: 219 TFLOP/s at 512 tokens, 174 with dropout
//   (bench/results/2026-11-27_gpu_check_h100.md).
#pragma once

#include "kernels/cuda/attention/keep_bits.cuh"
#include "kernels/cuda/attention/row_statistics.cuh"
#include "kernels/cuda/attention/softmax.cuh"
#include "kernels/cuda/attention/tile_wgmma.cuh"

namespace encore::cuda {

constexpr int kQueryWarpgroups = 3;
static_assert(kBackwardWgmmaSmem<kQueryWarpgroups> <= kSharedMemoryOfBlock);
static_assert(kQueryWarpgroups * kWarpgroupThreads == 2 * kQueryWarpgroups * kWarpgroupRows,
              "compute_delta has two threads a row");

// Scores of rows g and g + 8 become probabilities exp2(scale2 s - lse2).
__device__ __forceinline__ void probabilities(Accumulators& s, float scale2, const float (&lse2)[2]) {
#pragma unroll
  for (int n = 0; n < 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) s[n][i] = ptx::exp2_approx(s[n][i] * scale2 - lse2[i / 2]);
  }
}

// dP becomes dS = P (dP - delta), with dropout applied to dP first. dP, delta and so dS are without keep_scale.
// keep_to: where the lane's word of the first tile goes, or null.
template <bool kDropout>
__device__ __forceinline__ void softmax_backward_rows(const Accumulators& p, Accumulators& dp, const QueryRows& rows,
                                                      const AttentionArguments& a, const DropoutKey& key,
                                                      const int (&position)[2], int column, int t, uint32_t* keep_to) {
  uint32_t word = 0;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    KeepBits bits{};
    if constexpr (kDropout) bits = draw_keep_bits(key, position[0], position[1], column / 32 + half, t);
#pragma unroll
    for (int o = 0; o < 4; ++o) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float gradient = dp[4 * half + o][i];
        if constexpr (kDropout) {
          const bool kept = is_kept(i / 2 ? bits.bottom[o] : bits.top[o], i % 2, a.threshold);
          gradient = kept ? gradient : 0.f;
          if (kept) word |= 1u << keep_bit(4 * half + o, i / 2, i % 2);
        }
        dp[4 * half + o][i] = p[4 * half + o][i] * (gradient - rows.delta[i / 2]);
      }
    }
  }
  if (kDropout && keep_to) keep_to[column / kTileRows * kKeepWords] = word;
}

// dq and delta of the block's queries.
template <bool kDropout>
__device__ __forceinline__ void attention_backward_queries_wgmma(const AttentionArguments& a) {
  const SequenceTile tile =
      find_tile(a.cu_seqlens_q, a.sequences, a.queries, kQueryWarpgroups * kWarpgroupRows, int(blockIdx.x));
  if (tile.sequence < 0) return;
  const int head = int(blockIdx.y), lane = int(threadIdx.x) % 32, t = lane % 4;
  const SequenceRows sequence = sequence_rows<TilesOf::kQueries>(a, tile.sequence);
  const int64_t query_start = sequence.query_start + tile.first;
  const int keys = sequence.keys, queries = sequence.queries - tile.first;
  const int row = int(threadIdx.x) / 32 * 16 + lane / 4;
  unsigned char* const smem = dynamic_smem_swizzled<unsigned char>();
  const uint32_t q_tiles = ptx::shared_address(smem), dout_tiles = q_tiles + kQueryWarpgroups * kTileBytes<64>,
                 stages = dout_tiles + kQueryWarpgroups * kTileBytes<64>, q_tile = q_tiles + warpgroup_tile(),
                 dout_tile = dout_tiles + warpgroup_tile();
  StageLoader<kQueryWarpgroups> kv(stages, a.k, a.v, sequence.key_start, head, keys);
  load_block<kQueryWarpgroups>(q_tiles, head_rows<const __nv_bfloat16>(a.q, query_start, head * 64), a.q.ld, queries);
  load_block<kQueryWarpgroups>(dout_tiles, head_rows<const __nv_bfloat16>(a.dout, query_start, head * 64), a.dout.ld,
                               queries);
  kv.load(0, a.k.data);
  kv.load(1, a.k.data);

  DropoutKey key{};
  int position[2] = {0, 8};
  uint32_t* keep_to = nullptr;
  if constexpr (kDropout) {
    key = dropout_key(a, tile.sequence, head);
    row_positions(a, query_start - tile.first, tile.first + row, tile.first + queries, position);
    const StoredTiles stored = stored_tiles(a, head, tile.sequence);
    const int tile_row = tile.first / kTileRows + int(threadIdx.x) / kWarpgroupThreads;
    if (stored.in_a_row)
      keep_to = words_of_tile(a, stored.first + tile_row * stored.in_a_row) + int(threadIdx.x) % kWarpgroupThreads;
  }
  QueryRows rows;
  compute_delta<64>(a, head, query_start, queries, rows.delta);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    rows.lse2[h] = scaled_lse(a, head, query_start + row + 8 * h, row + 8 * h < queries);
    if constexpr (kDropout) rows.delta[h] /= a.keep_scale;
  }
  const float scale2 = a.scale * kLog2E;
  Accumulators dq = {}, s = {}, dp = {};
  OperandA ds;
  wait_stage<1>();
  const auto probabilities_of_tile = [&](int first) {
    if (keys - first < kTileRows || a.visible)
      mask_keys(s, keys - first, a.visible ? a.visible + sequence.key_start + first : nullptr, t);
    probabilities(s, scale2, rows.lse2);
  };
  // A warpgroup without rows waits with the others and computes nothing.
  const bool has_rows = warpgroup_has_rows(queries);
  if (keys > 0) {
    if (has_rows) {
      begin_products(s, dp);
      multiply_transposed(s, q_tile, stages);
      ptx::wgmma_commit();
      multiply_transposed(dp, dout_tile, stages + kTileBytes<64>);
      ptx::wgmma_commit();
      wait_products<1>(s);
      probabilities_of_tile(0);
      wait_products<0>(dp);
      softmax_backward_rows<kDropout>(s, dp, rows, a, key, position, 0, t, keep_to);
      round_to_operand(ds, dp);
    }
    uint32_t k_tile = stages;
    for (int first = kTileRows, stage = 1; first < keys; first += kTileRows, stage = next_stage(stage)) {
      const uint32_t before = k_tile;
      k_tile = stages + uint32_t(stage * kStageBytes);
      wait_stage<0>();
      kv.load(next_stage(stage), a.k.data);
      if (!has_rows) continue;
      begin_products(s, dp, dq, ds);
      multiply_transposed(s, q_tile, k_tile);
      ptx::wgmma_commit();
      multiply_transposed(dp, dout_tile, k_tile + kTileBytes<64>);
      ptx::wgmma_commit();
      add_product(dq, ds, before);
      ptx::wgmma_commit();
      wait_products<2>(s);
      probabilities_of_tile(first);
      wait_products<0>(dp, dq, ds);
      softmax_backward_rows<kDropout>(s, dp, rows, a, key, position, first, t, keep_to);
      round_to_operand(ds, dp);
    }
    if (has_rows) {
      begin_products(dq, ds);
      add_product(dq, ds, k_tile);
      ptx::wgmma_commit();
      wait_products<0>(dq, ds);
    }
  }
  ptx::cp_async_wait<0>();
  __syncthreads();
  const float factor = kDropout ? a.scale * a.keep_scale : a.scale;
  store_accumulators<128>(smem, dq, row, 0, t, {factor, factor});
  __syncthreads();
  store_block<kQueryWarpgroups>(smem, head_rows<__nv_bfloat16>(a.dq, query_start, head * 64), a.dq.ld, queries);
}

template <bool kDropout>
__global__ void __launch_bounds__(kQueryWarpgroups* kWarpgroupThreads, 1)
    attention_backward_queries_wgmma_kernel(const AttentionArguments a) {
  if constexpr (ptx::kHasWgmma) attention_backward_queries_wgmma<kDropout>(a);
}

}  // namespace encore::cuda
