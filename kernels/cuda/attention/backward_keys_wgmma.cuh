// Backward pass in bf16 by wgmma (sm_90a, head size 64) over tiles of keys: dk and dv.
//
// Warps: two warpgroups of 64 keys each; both copy and both compute (tile_wgmma.cuh has the ring). The scores are
//   computed transposed, so that P^T and dS^T are operand A of dv and dk as they are, and never pass through shared
//   memory.
// Shared memory: K and V of both warpgroups, three stages of Q and dO, with dropout three stages of keep bits; lse and
//   delta of the stages are static. dk and dv leave through the tiles of K and V.
// Pipeline: S^T = K Q^T and dP^T = V dO^T of a tile and dv += P^T dO, dk += dS^T Q of the tile before are in flight
//   together. The keep mask is made behind S^T, the exponentials behind dP^T, dS^T behind dv and dk. lse and delta come
//   through registers: a thread loads one value two iterations ahead and stores it into its stage before wait_stage.
// Invariants: delta is divided by keep_scale, and dP^T and dS^T are without it; dk is multiplied by it at the end.
// Numbers: one block has a multiprocessor (254 registers a thread, 255 with dropout). With dropout K does not fit in
//   registers beside V and the keep mask, so it is read from shared memory. The rate of both
//   passes: backward_queries_wgmma.cuh.
#pragma once

#include "kernels/cuda/attention/keep_bits.cuh"
#include "kernels/cuda/attention/row_statistics.cuh"
#include "kernels/cuda/attention/tile_wgmma.cuh"

namespace encore::cuda {

constexpr int kKeyWarpgroups = 2;

// lse log2(e) and delta / keep_scale of each query of the stages.
struct StageRows {
  float lse2[kStages][kTileRows], delta[kStages][kTileRows];
};

// The keep bits of a tile of queries and the block's keys arrive with the stage's rows.
constexpr int kKeepStageBytes = kKeyWarpgroups * kKeepWords * 4;
template <bool kDropout>
constexpr int kKeysSmem = kBackwardWgmmaSmem<kKeyWarpgroups> + (kDropout ? kStages * kKeepStageBytes : 0);
static_assert(kKeysSmem<true> + sizeof(StageRows) <= kSharedMemoryOfBlock);

// Starts copying them. If the block has one tile of keys only, the second half is another tile's, and is not used.
__device__ __forceinline__ void load_keep_bits(uint32_t to, const uint32_t* words) {
  if (threadIdx.x < kKeepStageBytes / 16) ptx::cp_async_16(to + threadIdx.x * 16, words + threadIdx.x * 4);
}

// One value of the stage of queries that begins at `first`: lse log2(e) in the first 64 threads, delta / keep_scale in
// the next 64.
__device__ __forceinline__ float load_statistic(const AttentionArguments& a, int head, int64_t start, int first,
                                                int queries) {
  const int row = first + int(threadIdx.x) % kTileRows;
  if (threadIdx.x < kTileRows) return scaled_lse(a, head, start + row, row < queries);
  const bool inside = threadIdx.x < 2 * kTileRows && row < queries;
  return inside ? a.delta[head * a.queries + start + row] / a.keep_scale : 0.f;
}
__device__ __forceinline__ void store_statistic(StageRows& rows, int stage, float value) {
  if (threadIdx.x < kTileRows)
    rows.lse2[stage][threadIdx.x] = value;
  else if (threadIdx.x < 2 * kTileRows)
    rows.delta[stage][threadIdx.x - kTileRows] = value;
}

// The masks of a lane's keys g and g + 8.
struct KeyMasks {
  bool visible[2];
  uint32_t keep;  // of the 32 transposed scores (keep_bits.cuh)
};
// Transposed scores become probabilities exp2(scale2 s - lse2).
__device__ __forceinline__ void probabilities_of_keys(Accumulators& s, float scale2, const float* lse2,
                                                      const KeyMasks& keys, int t) {
#pragma unroll
  for (int n = 0; n < 8; ++n) {
    const float2 of = *reinterpret_cast<const float2*>(lse2 + 8 * n + 2 * t);
#pragma unroll
    for (int i = 0; i < 4; ++i)
      s[n][i] = keys.visible[i / 2] ? ptx::exp2_approx(s[n][i] * scale2 - (i % 2 ? of.y : of.x)) : 0.f;
  }
}
// dP^T becomes dS^T = P^T (dP^T - delta), without keep_scale; P^T becomes what dropout keeps of it.
template <bool kDropout>
__device__ __forceinline__ void softmax_backward_keys(Accumulators& p, Accumulators& dp, const float* delta,
                                                      const KeyMasks& keys, int t) {
#pragma unroll
  for (int n = 0; n < 8; ++n) {
    const float2 of = *reinterpret_cast<const float2*>(delta + 8 * n + 2 * t);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const bool kept = !kDropout || keys.keep >> (4 * n + i) & 1u;
      float gradient = dp[n][i];
      if constexpr (kDropout) gradient = kept ? gradient : 0.f;
      dp[n][i] = p[n][i] * (gradient - (i % 2 ? of.y : of.x));
      if (!kept) p[n][i] = 0;
    }
  }
}

// dk and dv of the block's keys.
template <bool kDropout>
__device__ __forceinline__ void attention_backward_keys_wgmma(const AttentionArguments& a) {
  const SequenceTile tile =
      find_tile(a.cu_seqlens, a.sequences, a.tokens, kKeyWarpgroups * kWarpgroupRows, int(blockIdx.x));
  if (tile.sequence < 0) return;
  const int head = int(blockIdx.y), lane = int(threadIdx.x) % 32, t = lane % 4;
  const SequenceRows sequence = sequence_rows<TilesOf::kKeys>(a, tile.sequence);
  const int64_t key_start = sequence.key_start + tile.first, query_start = sequence.query_start;
  const int keys = sequence.keys - tile.first, queries = sequence.queries;
  const int warp_row = int(threadIdx.x) / 32 * 16, row = warp_row + lane / 4;
  unsigned char* const smem = dynamic_smem_swizzled<unsigned char>();
  StageRows& rows = static_smem<StageRows>();
  const uint32_t k_tiles = ptx::shared_address(smem), v_tiles = k_tiles + kKeyWarpgroups * kTileBytes<64>,
                 stages = v_tiles + kKeyWarpgroups * kTileBytes<64>;
  StageLoader<kKeyWarpgroups> pairs(stages, a.q, a.dout, query_start, head, queries);
  load_block<kKeyWarpgroups>(k_tiles, head_rows<const __nv_bfloat16>(a.k, key_start, head * 64), a.k.ld, keys);
  load_block<kKeyWarpgroups>(v_tiles, head_rows<const __nv_bfloat16>(a.v, key_start, head * 64), a.v.ld, keys);
  StoredTiles stored{};
  if constexpr (kDropout) {
    stored = stored_tiles(a, head, tile.sequence);
    stored.first += tile.first / kTileRows;
  }
  const auto load_stage = [&](int stage, int first) {
    if (kDropout && stored.in_a_row && first < queries) {
      load_keep_bits(stages + uint32_t(kStages * kStageBytes + stage * kKeepStageBytes),
                     words_of_tile(a, stored.first));
      stored.first += stored.in_a_row;
    }
    pairs.load(stage, a.q.data);
  };
  load_stage(0, 0);
  load_stage(1, kTileRows);
  store_statistic(rows, 0, load_statistic(a, head, query_start, 0, queries));
  float next_statistic = load_statistic(a, head, query_start, kTileRows, queries);

  KeyMasks masks{};
#pragma unroll
  for (int h = 0; h < 2; ++h)
    masks.visible[h] = row + 8 * h < keys && (!a.visible || a.visible[key_start + row + 8 * h]);
  const float scale2 = a.scale * kLog2E;
  Accumulators dk = {}, dv = {}, s = {}, dp = {};
  OperandA k, v, p, ds;
  wait_stage<1>();
  if constexpr (!kDropout) load_operand(k, k_tiles, warp_row, lane);
  load_operand(v, v_tiles, warp_row, lane);
  const auto multiply_keys = [&](uint32_t q_tile) {
    if constexpr (kDropout)
      multiply_transposed(s, k_tiles + warpgroup_tile(), q_tile);
    else
      multiply_transposed(s, k, q_tile);
  };
  const auto find_keep_mask = [&](int first, int stage) {
    if constexpr (kDropout) {
      const auto* words =
          reinterpret_cast<const uint32_t*>(smem + kBackwardWgmmaSmem<kKeyWarpgroups> + stage * kKeepStageBytes);
      masks.keep = stored.in_a_row
                       ? stored_keep_mask(words + warp_row / kWarpgroupRows * kKeepWords, warp_row / 16 % 4, lane)
                       : drawn_keep_mask(dropout_key(a, tile.sequence, head), a.threshold, first,
                                         a.q_position ? a.q_position + query_start + first : nullptr, queries - first,
                                         tile.first + warp_row, lane);
    }
  };
  const bool has_rows = kDropout || warpgroup_has_rows(keys);
  if (queries > 0) {
    if (has_rows) {
      begin_products(s, dp, k, v);
      multiply_keys(stages);
      ptx::wgmma_commit();
      multiply_transposed(dp, v, stages + kTileBytes<64>);
      ptx::wgmma_commit();
      find_keep_mask(0, 0);
      wait_products<1>(s, k);
      probabilities_of_keys(s, scale2, rows.lse2[0], masks, t);
      wait_products<0>(dp, v);
      softmax_backward_keys<kDropout>(s, dp, rows.delta[0], masks, t);
      round_to_operand(p, s);
      round_to_operand(ds, dp);
    }
    uint32_t q_tile = stages;
    for (int first = kTileRows, stage = 1; first < queries; first += kTileRows, stage = next_stage(stage)) {
      const uint32_t before = q_tile;
      q_tile = stages + uint32_t(stage * kStageBytes);
      store_statistic(rows, stage, next_statistic);
      wait_stage<0>();
      load_stage(next_stage(stage), first + kTileRows);
      next_statistic = load_statistic(a, head, query_start, first + kTileRows, queries);
      if (!has_rows) continue;
      begin_products(s, dp, dv, dk, k, v, p, ds);
      multiply_keys(q_tile);
      ptx::wgmma_commit();
      multiply_transposed(dp, v, q_tile + kTileBytes<64>);
      ptx::wgmma_commit();
      add_product(dv, p, before + kTileBytes<64>);
      add_product(dk, ds, before);
      ptx::wgmma_commit();
      find_keep_mask(first, stage);
      wait_products<2>(s, k);
      probabilities_of_keys(s, scale2, rows.lse2[stage], masks, t);
      wait_products<1>(dp, v);
      softmax_backward_keys<kDropout>(s, dp, rows.delta[stage], masks, t);
      wait_products<0>(dv, dk, p, ds);
      round_to_operand(p, s);
      round_to_operand(ds, dp);
    }
    if (has_rows) {
      begin_products(dv, dk, p, ds);
      add_product(dv, p, q_tile + kTileBytes<64>);
      add_product(dk, ds, q_tile);
      ptx::wgmma_commit();
      wait_products<0>(dv, dk, p, ds);
    }
  }
  ptx::cp_async_wait<0>();
  __syncthreads();
  const float dv_factor = kDropout ? a.keep_scale : 1.f, dk_factor = a.scale * dv_factor;
  store_accumulators<128>(smem, dk, row, 0, t, {dk_factor, dk_factor});
  store_accumulators<128>(smem + kKeyWarpgroups * kTileBytes<64>, dv, row, 0, t, {dv_factor, dv_factor});
  __syncthreads();
  store_block<kKeyWarpgroups>(smem, head_rows<__nv_bfloat16>(a.dk, key_start, head * 64), a.dk.ld, keys);
  store_block<kKeyWarpgroups>(smem + kKeyWarpgroups * kTileBytes<64>,
                              head_rows<__nv_bfloat16>(a.dv, key_start, head * 64), a.dv.ld, keys);
}

template <bool kDropout>
__global__ void __launch_bounds__(kKeyWarpgroups* kWarpgroupThreads, 1)
    attention_backward_keys_wgmma_kernel(const AttentionArguments a) {
  if constexpr (ptx::kHasWgmma) attention_backward_keys_wgmma<kDropout>(a);
}

}  // namespace encore::cuda
