// The pass over key tiles on Hopper (attention_queries_wgmma.cuh): dk and dv. It computes the scores' transpose, so
// that P^T and dS^T are operand A of dv and dk as they are.
#pragma once

#include "kernels/cuda/attention/backward_queries_wgmma.cuh"

namespace encore::cuda {

// Of each query of the stages: lse log2(e), delta.
struct StageRows {
  float lse2[kStages][kTileRows], delta[kStages][kTileRows];
};

// Which of a lane's transposed scores are kept: bit 4 n + 2 h + e is for key g + 8 h of the warp's 16 and query
// 8 n + 2 t + e of 64. A draw serves queries 8 apart, where the queries are all rows, and the keys of two neighbouring
// lanes g, of which each makes half of the draws. positions: of the 64 queries, or null: first, first + 1, ...
__device__ __forceinline__ uint32_t kept_of_keys(const DropoutKey& key, uint32_t threshold, int first,
                                                 const int32_t* positions, int queries, int column, int lane) {
  const int g = lane / 4, t = lane % 4, mine = g % 2;
  const bool upper = column / 16 % 2;  // of the 32 keys of a draw
  uint32_t kept = 0;
#pragma unroll 1
  for (int n = 0; n < 8; n += positions ? 1 : 2) {
    const int query = 8 * n + 2 * t + mine;
    const int position = !positions ? first + query : query < queries ? positions[query] : 0;
    const PhiloxDraw d =
        draw(key.seed, key.example, key.site,
             attention_block(uint32_t(position) >> 4, uint32_t(column / 32), uint32_t((position & 7) << 2 | g / 2)));
    // A word for each key, of which the lower half is for this position and the upper for that 8 further.
    uint32_t word[2][2] = {{upper ? d.word[2] : d.word[0], upper ? d.word[3] : d.word[1]}, {0, 0}};
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      if (positions) word[0][h] >>= 2 * (position & 8);
      word[1][h] = __shfl_xor_sync(kWholeWarp, word[0][h], 4);
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const uint32_t of = i % 2 == mine ? word[0][i / 2 % 2] : word[1][i / 2 % 2];
      const bool keep = (of >> (8 * mine + i / 4 * 16) & 255u) >= threshold;
      if (keep && (i < 4 || !positions)) kept |= 1u << (4 * n + i);
    }
  }
  return kept;
}

// The bits of a tile of queries and the block's keys come with the stage's rows.
constexpr int kKeepStageBytes = kKeyGroups * kKeepWords * 4;
template <bool kDropout>
constexpr int kKeysSmem = kBackwardWgmmaSmem<kKeyGroups> + (kDropout ? kStages * kKeepStageBytes : 0);

// Starts copying them. Where the block's second key tile is not there, some tile's bits come, and serve nobody.
__device__ __forceinline__ void load_bits(uint32_t to, const uint32_t* words) {
  if (threadIdx.x < kKeepStageBytes / 16) ptx::cp_async_16(to + threadIdx.x * 16, words + threadIdx.x * 4);
}

// What a thread carries to the stage after next: lse of a query (the first 64 threads) or delta (the next).
__device__ __forceinline__ float load_row(const AttentionArguments& a, int head, int64_t start, int first,
                                          int queries) {
  const int row = first + int(threadIdx.x) % kTileRows;
  if (threadIdx.x < kTileRows) return scaled_lse(a, head, start + row, row < queries);
  const bool inside = threadIdx.x < 2 * kTileRows && row < queries;
  return inside ? a.delta[head * a.queries + start + row] / a.keep_scale : 0.f;
}
__device__ __forceinline__ void keep_row(StageRows& rows, int stage, float value) {
  if (threadIdx.x < kTileRows)
    rows.lse2[stage][threadIdx.x] = value;
  else if (threadIdx.x < 2 * kTileRows)
    rows.delta[stage][threadIdx.x - kTileRows] = value;
}

// What the scores of a lane's keys g and g + 8 are made of.
struct KeyColumns {
  bool seen[2];
  uint32_t kept;
};
// Transposed scores become probabilities.
__device__ __forceinline__ void probabilities_of_keys(Tile& s, float scale2, const float* lse2, const KeyColumns& keys,
                                                      int t) {
#pragma unroll
  for (int n = 0; n < 8; ++n) {
    const float2 of = *reinterpret_cast<const float2*>(lse2 + 8 * n + 2 * t);
#pragma unroll
    for (int i = 0; i < 4; ++i)
      s[n][i] = keys.seen[i / 2] ? ptx::exp2_approx(s[n][i] * scale2 - (i % 2 ? of.y : of.x)) : 0.f;
  }
}
// dP (transposed) becomes dS = P (dP - delta), without keep_scale, and P what dropout keeps of it.
template <bool kDropout>
__device__ __forceinline__ void differentiate_keys(Tile& p, Tile& dp, const float* delta, const KeyColumns& keys,
                                                   int t) {
#pragma unroll
  for (int n = 0; n < 8; ++n) {
    const float2 of = *reinterpret_cast<const float2*>(delta + 8 * n + 2 * t);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const bool kept = !kDropout || keys.kept >> (4 * n + i) & 1u;
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
  const SequenceTile tile = find_tile(a.cu_seqlens, a.sequences, a.tokens, kKeyGroups * kGroupRows, int(blockIdx.x));
  if (tile.sequence < 0) return;
  const int head = int(blockIdx.y), lane = int(threadIdx.x) % 32, t = lane % 4;
  const TileRange range = range_of<true>(a, tile.sequence);
  const int64_t key_start = range.key_start + tile.first, query_start = range.query_start;
  const int keys = range.keys - tile.first, queries = range.queries;
  const int warp_row = int(threadIdx.x) / 32 * 16, row = warp_row + lane / 4;
  unsigned char* const smem = dynamic_smem_swizzled<unsigned char>();
  StageRows& rows = static_smem<StageRows>();
  const uint32_t k_tiles = ptx::shared_address(smem), v_tiles = k_tiles + kKeyGroups * kTileBytes<64>,
                 stages = v_tiles + kKeyGroups * kTileBytes<64>;
  StageLoader<kKeyGroups> pairs(stages, a.q, a.dout, query_start, head, queries);
  load_block<kKeyGroups>(k_tiles, head_rows<const __nv_bfloat16>(a.k, key_start, head * 64), a.k.ld, keys);
  load_block<kKeyGroups>(v_tiles, head_rows<const __nv_bfloat16>(a.v, key_start, head * 64), a.v.ld, keys);
  KeptTiles kept{};
  if constexpr (kDropout) {
    kept = kept_tiles(a, head, tile.sequence);
    kept.first += tile.first / kTileRows;
  }
  const auto load_stage = [&](int stage, int first) {
    if (kDropout && kept.in_a_row && first < queries) {
      load_bits(stages + uint32_t(kStages * kStageBytes + stage * kKeepStageBytes), words_of(a, kept.first));
      kept.first += kept.in_a_row;
    }
    pairs.load(stage, a.q.data);
  };
  load_stage(0, 0);
  load_stage(1, kTileRows);
  keep_row(rows, 0, load_row(a, head, query_start, 0, queries));
  float carried = load_row(a, head, query_start, kTileRows, queries);

  KeyColumns columns{};
#pragma unroll
  for (int h = 0; h < 2; ++h)
    columns.seen[h] = row + 8 * h < keys && (!a.visible || a.visible[key_start + row + 8 * h]);
  const float scale2 = a.scale * kLog2E;
  Tile dk = {}, dv = {}, s = {}, dp = {};
  Operand k, v, p, ds;
  arrive_stage<1>();
  if constexpr (!kDropout) load_operand(k, k_tiles, warp_row, lane);
  load_operand(v, v_tiles, warp_row, lane);
  // With the draws of dropout K does not fit in registers.
  const auto multiply_keys = [&](uint32_t q_tile) {
    if constexpr (kDropout)
      multiply_tiles(s, k_tiles + group_tile(), q_tile);
    else
      multiply_transposed(s, k, q_tile);
  };
  const auto find_bits = [&](int first, int stage) {
    if constexpr (kDropout) {
      const auto* words =
          reinterpret_cast<const uint32_t*>(smem + kBackwardWgmmaSmem<kKeyGroups> + stage * kKeepStageBytes);
      columns.kept = kept.in_a_row ? kept_of_words(words + warp_row / kGroupRows * kKeepWords, warp_row / 16 % 4, lane)
                                   : kept_of_keys(dropout_key(a, tile.sequence, head), a.threshold, first,
                                                  a.q_position ? a.q_position + query_start + first : nullptr,
                                                  queries - first, tile.first + warp_row, lane);
    }
  };
  const bool works = kDropout || group_has_rows(keys);
  if (queries > 0) {
    if (works) {
      begin_products(s, dp, k, v);
      multiply_keys(stages);
      ptx::wgmma_commit();
      multiply_transposed(dp, v, stages + kTileBytes<64>);
      ptx::wgmma_commit();
      find_bits(0, 0);
      wait_products<1>(s, k);
      probabilities_of_keys(s, scale2, rows.lse2[0], columns, t);
      wait_products<0>(dp, v);
      differentiate_keys<kDropout>(s, dp, rows.delta[0], columns, t);
      round_to_operand(p, s);
      round_to_operand(ds, dp);
    }
    uint32_t q_tile = stages;
    for (int first = kTileRows, stage = 1; first < queries; first += kTileRows, stage = next_stage(stage)) {
      const uint32_t before = q_tile;
      q_tile = stages + uint32_t(stage * kStageBytes);
      keep_row(rows, stage, carried);
      arrive_stage<0>();
      load_stage(next_stage(stage), first + kTileRows);
      carried = load_row(a, head, query_start, first + kTileRows, queries);
      if (!works) continue;
      begin_products(s, dp, dv, dk, k, v, p, ds);
      multiply_keys(q_tile);
      ptx::wgmma_commit();
      multiply_transposed(dp, v, q_tile + kTileBytes<64>);
      ptx::wgmma_commit();
      add_product(dv, p, before + kTileBytes<64>);
      add_product(dk, ds, before);
      ptx::wgmma_commit();
      find_bits(first, stage);
      wait_products<2>(s, k);
      probabilities_of_keys(s, scale2, rows.lse2[stage], columns, t);
      wait_products<1>(dp, v);
      differentiate_keys<kDropout>(s, dp, rows.delta[stage], columns, t);
      wait_products<0>(dv, dk, p, ds);
      round_to_operand(p, s);
      round_to_operand(ds, dp);
    }
    if (works) {
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
  put_rows(smem, dk, row, t, {dk_factor, dk_factor});
  put_rows(smem + kKeyGroups * kTileBytes<64>, dv, row, t, {dv_factor, dv_factor});
  __syncthreads();
  store_block<kKeyGroups>(smem, head_rows<__nv_bfloat16>(a.dk, key_start, head * 64), a.dk.ld, keys);
  store_block<kKeyGroups>(smem + kKeyGroups * kTileBytes<64>, head_rows<__nv_bfloat16>(a.dv, key_start, head * 64),
                          a.dv.ld, keys);
}

template <bool kDropout>
__global__ void __launch_bounds__(kKeyGroups* kGroupThreads, 1)
    attention_keys_wgmma_kernel(const AttentionArguments a) {
  if constexpr (ptx::kHasWgmma) attention_backward_keys_wgmma<kDropout>(a);
}

}  // namespace encore::cuda
