// Forward pass in bf16 on Hopper, head size 64. Four warpgroups share a multiprocessor, so that the products of some
// hide the exponentials of others.
#pragma once

#include "kernels/cuda/attention/softmax.cuh"
#include "kernels/cuda/attention/tile_wgmma.cuh"

namespace encore::cuda {

constexpr int kForwardGroups = 2;
constexpr int kForwardWgmmaSmem = kForwardGroups * kTileBytes<64> + kStages * kStageBytes;  // Q, stages of K and V

template <bool kDropout>
__device__ __forceinline__ void attention_forward_wgmma(const AttentionArguments& a) {
  const SequenceTile tile =
      find_tile(a.cu_seqlens_q, a.sequences, a.queries, kForwardGroups * kGroupRows, int(blockIdx.x));
  if (tile.sequence < 0) return;
  const int head = int(blockIdx.y), lane = int(threadIdx.x) % 32, t = lane % 4;
  const TileRange range = range_of<false>(a, tile.sequence);
  const int64_t query_start = range.query_start + tile.first;
  const int keys = range.keys, queries = range.queries - tile.first;
  const int row = int(threadIdx.x) / 32 * 16 + lane / 4;
  unsigned char* const smem = dynamic_smem_swizzled<unsigned char>();
  const uint32_t q_tiles = ptx::shared_address(smem), stages = q_tiles + kForwardGroups * kTileBytes<64>,
                 q_tile = q_tiles + group_tile();
  StageLoader<kForwardGroups> kv(stages, a.k, a.v, range.key_start, head, keys);
  load_block<kForwardGroups>(q_tiles, head_rows<const __nv_bfloat16>(a.q, query_start, head * 64), a.q.ld, queries);
  kv.load(0, a.k.data);
  kv.load(1, a.k.data);

  DropoutKey key{};
  int position[2] = {0, 8};
  if constexpr (kDropout) {
    key = dropout_key(a, tile.sequence, head);
    row_positions(a, query_start - tile.first, tile.first + row, tile.first + queries, position);
  }
  const float scale2 = a.scale * kLog2E;
  Tile out = {}, s = {};
  RunningSoftmax softmax{{-INFINITY, -INFINITY}, {0, 0}};
  Operand p;
  float shrink[2];
  const auto soften = [&](int first) {
    if (keys - first < kTileRows || a.visible)
      hide_keys(s, keys - first, a.visible ? a.visible + range.key_start + first : nullptr, t);
    exponentiate(s, softmax, shrink, scale2);
    if constexpr (kDropout) drop(s, key, position, first, t, a.threshold);
  };
  arrive_stage<1>();
  // A warpgroup without rows waits with the other and computes nothing; with dropout there is no register for that.
  const bool works = kDropout || group_has_rows(queries);
  if (keys > 0) {
    if (works) {
      begin_products(s);
      multiply_tiles(s, q_tile, stages);
      ptx::wgmma_commit();
      wait_products<0>(s);
      soften(0);
      round_to_operand(p, s);
    }
    uint32_t k_tile = stages;
    // The products with V of one tile hide behind the exponentials of the next.
    for (int first = kTileRows, stage = 1; first < keys; first += kTileRows, stage = next_stage(stage)) {
      const uint32_t before = k_tile;
      k_tile = stages + uint32_t(stage * kStageBytes);
      arrive_stage<0>();
      kv.load(next_stage(stage), a.k.data);
      if (!works) continue;
      begin_products(s, out, p);
      multiply_tiles(s, q_tile, k_tile);
      ptx::wgmma_commit();
      add_product(out, p, before + kTileBytes<64>);
      ptx::wgmma_commit();
      wait_products<1>(s);
      soften(first);
      wait_products<0>(out, p);
#pragma unroll
      for (int n = 0; n < 8; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) out[n][i] *= shrink[i / 2];
      }
      round_to_operand(p, s);
    }
    if (works) {
      begin_products(out, p);
      add_product(out, p, k_tile + kTileBytes<64>);
      ptx::wgmma_commit();
      wait_products<0>(out, p);
    }
  }
  ptx::cp_async_wait<0>();
  __syncthreads();
  // The tiles of Q are free: out goes through them.
  float factor[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const float sum = row_sum(softmax.sum[h]);
    factor[h] = sum > 0 ? (kDropout ? a.keep_scale : 1.f) / sum : sum;  // a NaN stays one
    if (t == 0 && row + 8 * h < queries)
      a.lse[head * a.lse_ld + query_start + row + 8 * h] = softmax.most[h] * a.scale + logf(sum);
  }
  put_rows(smem, out, row, t, factor);
  __syncthreads();
  store_block<kForwardGroups>(smem, head_rows<__nv_bfloat16>(a.out, query_start, head * 64), a.out.ld, queries);
}

template <bool kDropout>
__global__ void __launch_bounds__(kForwardGroups* kGroupThreads, 2)
    attention_forward_wgmma_kernel(const AttentionArguments a) {
  if constexpr (ptx::kHasWgmma) attention_forward_wgmma<kDropout>(a);
}

}  // namespace encore::cuda
