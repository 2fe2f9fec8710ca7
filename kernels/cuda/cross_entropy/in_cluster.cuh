// Cross-entropy of bf16 rows that a cluster of blocks holds in its shared memory (cross_entropy.cu says which; sm_90).
#pragma once

#include "kernels/cuda/cross_entropy/cluster_consumer.cuh"
#include "kernels/cuda/cross_entropy/cluster_producer.cuh"
#include "kernels/cuda/cross_entropy/cluster_reducer.cuh"

namespace encore::cuda {

// Prepares the block before its warps take their roles: barriers and the ring's first copies, labels, bias, and zeros
// in the units of the ring that no copy reaches.
__device__ __forceinline__ void set_up(const ClusterBlock& b) {
  const int live = count_to(int(live_rows(b.a.live, b.a.rows)), b.first, b.clusters);  // of the cluster's rows
  ClusterShared& shared = b.shared;
  if (threadIdx.x == kConsumerThreads) ClusterProducer{b}.fill_ring(live);
  if (threadIdx.x == 0) shared.factor = b.a.grad_scale ? *b.a.grad_scale : 1, shared.log2_factor = log2f(shared.factor);
  for (int i = int(threadIdx.x); i < b.rows; i += kClusterThreads)
    shared.label[i] = i < live ? b.a.labels[b.row_number(i)] : -1;
  for (int unit = int(threadIdx.x); unit < b.share / kUnit; unit += kClusterThreads) {
    float bias[kUnit] = {};
    const int n = b.classes - unit * kUnit;
    if (b.a.bias.data && n > 0) load_unit(b.a.bias.data + b.base + unit * kUnit, n, b.a.bias.wide, bias);
#pragma unroll
    for (int j = 0; j < kUnit; ++j) bias[j] = j < n ? __fmul_rn(kLog2E, bias[j]) : -INFINITY;
    float4* const four = b.bias_of(unit);
    four[0] = make_float4(bias[0], bias[1], bias[2], bias[3]);
    four[kConsumerThreads] = make_float4(bias[4], bias[5], bias[6], bias[7]);
    if (n > 0) continue;
    for (int stage = 0; stage < b.stages; ++stage)  // no class in the unit: nothing is copied there
      reinterpret_cast<uint4*>(b.row_at(stage))[unit] = make_uint4(0, 0, 0, 0);
  }
}

// Launched with clusters of shape.blocks blocks of kClusterThreads and shape.smem() bytes.
// REQUIRES: rows are whole 16-byte words, at most kMostRows rows a cluster, at least two stages, *grad_scale not
//   negative.
// Warps: a cluster has every clusters-th row, each of its blocks `share` neighbouring columns of all of them.
//   - Consumer warps (0 to 19): row i + kLookAhead's maximum and sum of exponentials, then row i's gradient; the
//     gradient's column sums stay in their registers until the last row.
//   - Producer warp (20): one lane copies rows into the ring (cp.async.bulk), up to `stages` ahead of the gradients.
//   - Reducer warp (21): the row's maximum and sum over warps and blocks, its normaliser, its loss.
// Shared memory: the bias times log2 e (dynamic), behind it the ring, `stages` rows of `share` bf16 columns;
//   ClusterShared (static): barriers, partials, normalisers, labels.
// Pipeline: the producer waits for a stage's `empty` (20 consumer warps and the reducer) and completes its `full` by
//   the copy's bytes. Consumers wait for a row's `full`, write their partials and arrive at `warps_full`; the reducer
//   waits for it, stores its block's partial to every block of the cluster, which completes their `blocks_full`, waits
//   for its own, and completes `norm_full`. Consumers wait for that kLookAhead rows later, so that the exchange
//   overlaps the rows between, and arrive at `empty`.
// Invariants: kSlots >= kLookAhead + 2 (static_assert in cluster_block.cuh, with its derivation). No warp lags a whole
//   phase behind a barrier: consumers wait for `full` of rows without a label too. A block is written to by others only
//   after the cluster's barrier below, and no block ends before its blocks_full of the last row, the others' last
//   store.
// Numbers: docs/performance.md, "Cross-entropy": memory moves the logits alone, once in and once out; four blocks and
//   rings of six rows at 50,304 columns; 20 warps of 74 registers without spills (bench/ptxas.json).
template <bool kGradient>
__global__ void __launch_bounds__(kClusterThreads)
    cross_entropy_cluster_kernel(CrossEntropyArgs<__nv_bfloat16> a, ClusterShape shape) {
  if constexpr (ptx::kHasClusters) {
    const int rank = int(ptx::cluster_rank()), size = int(shape.blocks), share = shape.share;
    const int first = int(blockIdx.x) / size, clusters = int(gridDim.x) / size, base = rank * share;
    const int columns_left = int(a.cols) - base, classes_left = int(a.classes) - base;
    auto* const bias = dynamic_smem<float4>();
    const ClusterBlock block{
        .a = a,
        .shared = static_smem<ClusterShared>(),
        .ring = reinterpret_cast<__nv_bfloat16*>(bias) + shape.bias_bytes() / sizeof(__nv_bfloat16),
        .bias = bias,
        .share = share,
        .stages = shape.stages,
        .rank = rank,
        .size = size,
        .rows = count_to(int(a.rows), first, clusters),
        .first = first,
        .clusters = clusters,
        .base = base,
        .columns = columns_left < share ? columns_left : share,
        .classes = classes_left < share ? classes_left : share,
    };
    set_up(block);
    __syncthreads();
    // The others may write to a block only once it has started and initialised its barriers.
    ptx::cluster_arrive();
    ptx::cluster_wait();
    const int warp = int(threadIdx.x) / 32;
    if (warp < kConsumerWarps) return ClusterConsumer{block}.run<kGradient>();
    if (warp == kConsumerWarps) return ClusterProducer{block}.run();
    ClusterReducer{block}.run();
  }
}

}  // namespace encore::cuda
