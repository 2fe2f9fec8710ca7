// Backward pass in bf16 on Hopper, head size 64, as in attention_backward.cuh: a pass over query tiles for dq and delta
// (this file), then one over key tiles for dk and dv (attention_keys_wgmma.cuh). One block has a multiprocessor, so a
// warpgroup keeps the tensor cores busy itself: products of two tiles are in flight while it computes exponentials.
#pragma once

#include "kernels/cuda/attention/keep_bits.cuh"
#include "kernels/cuda/attention/row_statistics.cuh"
#include "kernels/cuda/attention/softmax.cuh"
#include "kernels/cuda/attention/tile_wgmma.cuh"

namespace encore::cuda {

constexpr int kQueryGroups = 3, kKeyGroups = 2;
// The block's two operands, and the stages.
template <int kGroups>
constexpr int kBackwardWgmmaSmem = 2 * kGroups* kTileBytes<64> + kStages* kStageBytes;

// Scores become probabilities exp2(scale2 s - lse2), of rows g and g + 8.
__device__ __forceinline__ void probabilities(Tile& s, float scale2, const float (&lse2)[2]) {
#pragma unroll
  for (int n = 0; n < 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) s[n][i] = ptx::exp2_approx(s[n][i] * scale2 - lse2[i / 2]);
  }
}

// dP becomes dS = P (dP - delta), dP through dropout first; both, and so dS, without keep_scale. keep_to: where the
// lane's word of the first tile lies, or null.
template <bool kDropout>
__device__ __forceinline__ void differentiate_rows(const Tile& p, Tile& dp, const QueryRows& rows,
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
      find_tile(a.cu_seqlens_q, a.sequences, a.queries, kQueryGroups * kGroupRows, int(blockIdx.x));
  if (tile.sequence < 0) return;
  const int head = int(blockIdx.y), lane = int(threadIdx.x) % 32, t = lane % 4;
  const TileRange range = range_of<false>(a, tile.sequence);
  const int64_t query_start = range.query_start + tile.first;
  const int keys = range.keys, queries = range.queries - tile.first;
  const int row = int(threadIdx.x) / 32 * 16 + lane / 4;
  unsigned char* const smem = dynamic_smem_swizzled<unsigned char>();
  const uint32_t q_tiles = ptx::shared_address(smem), dout_tiles = q_tiles + kQueryGroups * kTileBytes<64>,
                 stages = dout_tiles + kQueryGroups * kTileBytes<64>, q_tile = q_tiles + group_tile(),
                 dout_tile = dout_tiles + group_tile();
  StageLoader<kQueryGroups> kv(stages, a.k, a.v, range.key_start, head, keys);
  load_block<kQueryGroups>(q_tiles, head_rows<const __nv_bfloat16>(a.q, query_start, head * 64), a.q.ld, queries);
  load_block<kQueryGroups>(dout_tiles, head_rows<const __nv_bfloat16>(a.dout, query_start, head * 64), a.dout.ld,
                           queries);
  kv.load(0, a.k.data);
  kv.load(1, a.k.data);

  DropoutKey key{};
  int position[2] = {0, 8};
  uint32_t* keep_to = nullptr;
  if constexpr (kDropout) {
    key = dropout_key(a, tile.sequence, head);
    row_positions(a, query_start - tile.first, tile.first + row, tile.first + queries, position);
    const KeptTiles kept = kept_tiles(a, head, tile.sequence);
    const int tile_row = tile.first / kTileRows + int(threadIdx.x) / kGroupThreads;
    if (kept.in_a_row) keep_to = words_of(a, kept.first + tile_row * kept.in_a_row) + int(threadIdx.x) % kGroupThreads;
  }
  QueryRows rows;
  compute_delta<64>(a, head, query_start, queries, rows.delta);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    rows.lse2[h] = scaled_lse(a, head, query_start + row + 8 * h, row + 8 * h < queries);
    if constexpr (kDropout) rows.delta[h] /= a.keep_scale;
  }
  const float scale2 = a.scale * kLog2E;
  Tile dq = {}, s = {}, dp = {};
  Operand ds;
  arrive_stage<1>();
  const auto scores = [&](int first) {
    if (keys - first < kTileRows || a.visible)
      hide_keys(s, keys - first, a.visible ? a.visible + range.key_start + first : nullptr, t);
    probabilities(s, scale2, rows.lse2);
  };
  // A warpgroup without rows waits with the others and computes nothing.
  const bool works = group_has_rows(queries);
  if (keys > 0) {
    if (works) {
      begin_products(s, dp);
      multiply_tiles(s, q_tile, stages);
      ptx::wgmma_commit();
      multiply_tiles(dp, dout_tile, stages + kTileBytes<64>);
      ptx::wgmma_commit();
      wait_products<1>(s);
      scores(0);
      wait_products<0>(dp);
      differentiate_rows<kDropout>(s, dp, rows, a, key, position, 0, t, keep_to);
      round_to_operand(ds, dp);
    }
    uint32_t k_tile = stages;
    for (int first = kTileRows, stage = 1; first < keys; first += kTileRows, stage = next_stage(stage)) {
      const uint32_t before = k_tile;
      k_tile = stages + uint32_t(stage * kStageBytes);
      arrive_stage<0>();
      kv.load(next_stage(stage), a.k.data);
      if (!works) continue;
      begin_products(s, dp, dq, ds);
      multiply_tiles(s, q_tile, k_tile);
      ptx::wgmma_commit();
      multiply_tiles(dp, dout_tile, k_tile + kTileBytes<64>);
      ptx::wgmma_commit();
      add_product(dq, ds, before);
      ptx::wgmma_commit();
      wait_products<2>(s);
      scores(first);
      wait_products<0>(dp, dq, ds);
      differentiate_rows<kDropout>(s, dp, rows, a, key, position, first, t, keep_to);
      round_to_operand(ds, dp);
    }
    if (works) {
      begin_products(dq, ds);
      add_product(dq, ds, k_tile);
      ptx::wgmma_commit();
      wait_products<0>(dq, ds);
    }
  }
  ptx::cp_async_wait<0>();
  __syncthreads();
  const float factor = kDropout ? a.scale * a.keep_scale : a.scale;
  put_rows(smem, dq, row, t, {factor, factor});
  __syncthreads();
  store_block<kQueryGroups>(smem, head_rows<__nv_bfloat16>(a.dq, query_start, head * 64), a.dq.ld, queries);
}

template <bool kDropout>
__global__ void __launch_bounds__(kQueryGroups* kGroupThreads, 1)
    attention_queries_wgmma_kernel(const AttentionArguments a) {
  if constexpr (ptx::kHasWgmma) attention_backward_queries_wgmma<kDropout>(a);
}

}  // namespace encore::cuda
