// Forward pass in bf16 by wgmma (sm_90a), head size 64.
//
// Warps: two warpgroups of 64 queries each; both copy and both compute (tile_wgmma.cuh has the ring). A warpgroup
//   without rows waits with the other and computes nothing.
// Shared memory: Q of both warpgroups, three stages of K and V. The output leaves through the tiles of Q.
// Pipeline: S = Q K^T of a tile and P V of the tile before are in flight together; P V runs on behind the exponentials
//   of the new scores. Q is operand A from shared memory (multiply_transposed says why), P from registers.
// Numbers: two blocks, so four warpgroups, share a multiprocessor, and the products of some hide the exponentials of
//   others: 297 TFLOP/s at 512 tokens, 208 with dropout (bench/results/2026-11-27_gpu_check_h100.md).
#pragma once

#include "kernels/cuda/attention/dropout.cuh"
#include "kernels/cuda/attention/softmax.cuh"
#include "kernels/cuda/attention/tile_wgmma.cuh"

namespace encore::cuda {

constexpr int kForwardWarpgroups = 2;
constexpr int kForwardWgmmaSmem = kForwardWarpgroups * kTileBytes<64> + kStages * kStageBytes;  // Q, stages of K and V
static_assert(2 * kForwardWgmmaSmem <= kSharedMemoryOfBlock, "two blocks share a multiprocessor");

template <bool kDropout>
__device__ __forceinline__ void attention_forward_wgmma(const AttentionArguments& a) {
  const SequenceTile tile =
      find_tile(a.cu_seqlens_q, a.sequences, a.queries, kForwardWarpgroups * kWarpgroupRows, int(blockIdx.x));
  if (tile.sequence < 0) return;
  const int head = int(blockIdx.y), lane = int(threadIdx.x) % 32, t = lane % 4;
  const SequenceRows sequence = sequence_rows<TilesOf::kQueries>(a, tile.sequence);
  const int64_t query_start = sequence.query_start + tile.first;
  const int keys = sequence.keys, queries = sequence.queries - tile.first;
  const int row = int(threadIdx.x) / 32 * 16 + lane / 4;
  unsigned char* const smem = dynamic_smem_swizzled<unsigned char>();
  const uint32_t q_tiles = ptx::shared_address(smem), stages = q_tiles + kForwardWarpgroups * kTileBytes<64>,
                 q_tile = q_tiles + warpgroup_tile();
  StageLoader<kForwardWarpgroups> kv(stages, a.k, a.v, sequence.key_start, head, keys);
  load_block<kForwardWarpgroups>(q_tiles, head_rows<const __nv_bfloat16>(a.q, query_start, head * 64), a.q.ld, queries);
  kv.load(0, a.k.data);
  kv.load(1, a.k.data);

  DropoutKey key{};
  int position[2] = {0, 8};
  if constexpr (kDropout) {
    key = dropout_key(a, tile.sequence, head);
    row_positions(a, query_start - tile.first, tile.first + row, tile.first + queries, position);
  }
  const float scale2 = a.scale * kLog2E;
  Accumulators out = {}, s = {};
  OnlineSoftmax softmax;
  OperandA p;
  float rescale[2];
  const auto softmax_of_tile = [&](int first) {
    if (keys - first < kTileRows || a.visible)
      mask_keys(s, keys - first, a.visible ? a.visible + sequence.key_start + first : nullptr, t);
    update_softmax(s, softmax, rescale, scale2);
    if constexpr (kDropout) apply_dropout(s, key, position, first, t, a.threshold);
  };
  wait_stage<1>();
  // With dropout there is no register for this.
  const bool has_rows = kDropout || warpgroup_has_rows(queries);
  if (keys > 0) {
    if (has_rows) {
      begin_products(s);
      multiply_transposed(s, q_tile, stages);
      ptx::wgmma_commit();
      wait_products<0>(s);
      softmax_of_tile(0);
      round_to_operand(p, s);
    }
    uint32_t k_tile = stages;
    for (int first = kTileRows, stage = 1; first < keys; first += kTileRows, stage = next_stage(stage)) {
      const uint32_t before = k_tile;
      k_tile = stages + uint32_t(stage * kStageBytes);
      wait_stage<0>();
      kv.load(next_stage(stage), a.k.data);
      if (!has_rows) continue;
      begin_products(s, out, p);
      multiply_transposed(s, q_tile, k_tile);
      ptx::wgmma_commit();
      add_product(out, p, before + kTileBytes<64>);
      ptx::wgmma_commit();
      wait_products<1>(s);
      softmax_of_tile(first);
      wait_products<0>(out, p);
      rescale_rows(out, rescale);
      round_to_operand(p, s);
    }
    if (has_rows) {
      begin_products(out, p);
      add_product(out, p, k_tile + kTileBytes<64>);
      ptx::wgmma_commit();
      wait_products<0>(out, p);
    }
  }
  ptx::cp_async_wait<0>();
  __syncthreads();
  float factor[2];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const float sum = reduce_row_sum(softmax.row_sum[h]);
    factor[h] = output_factor<kDropout>(sum, a.keep_scale);
    if (t == 0 && row + 8 * h < queries)
      a.lse[head * a.lse_ld + query_start + row + 8 * h] = softmax.row_max[h] * a.scale + logf(sum);
  }
  store_accumulators<128>(smem, out, row, 0, t, factor);
  __syncthreads();
  store_block<kForwardWarpgroups>(smem, head_rows<__nv_bfloat16>(a.out, query_start, head * 64), a.out.ld, queries);
}

template <bool kDropout>
__global__ void __launch_bounds__(kForwardWarpgroups* kWarpgroupThreads, 2)
    attention_forward_wgmma_kernel(const AttentionArguments a) {
  if constexpr (ptx::kHasWgmma) attention_forward_wgmma<kDropout>(a);
}

}  // namespace encore::cuda
