// Cross-entropy of bf16 rows that a cluster of blocks holds in its shared memory (cross_entropy.cuh says which; sm_90).
//
// Every block has a share of the columns: their bias and a ring of rows lie in its shared memory, the gradient's column
// sums in its registers, so that memory moves nothing but the logits, once in and once out. One warp has rows copied
// into the ring, several ahead of what is done. Those that compute take a row's largest logit and sum of exponentials
// kAhead rows before they write its gradient. In between one warp tells the other blocks of the cluster, by
// asynchronous stores (the barrier of a cluster would wait for all writes to memory first), is told by them, and
// settles the row's loss. So nobody waits for what has only just been asked for.
#pragma once

#include <device/bulk_copy.cuh>
#include <device/cluster.cuh>

#include "kernels/cuda/cross_entropy.cuh"
#include "kernels/cuda/cross_entropy_ring.cuh"
#include "kernels/cuda/online_softmax.cuh"

namespace encore::cuda {

// How many of the rows first, first + step, ... come before the limit.
__device__ __forceinline__ int count_to(int limit, int first, int step) {
  return (limit - first + step - 1) / step;
}

struct ClusterRows {
  const CrossEntropyArgs<__nv_bfloat16>& a;
  CrossEntropyClusterShared& shared;
  __nv_bfloat16* ring;
  float4* bias;  // times log2 e: of kClusterLanes units the first four columns, then the other four; of the next units
  int share, stages;
  int rank, size;              // of the block in its cluster
  int rows, first, clusters;   // the cluster's rows: first, first + clusters, ...
  int base, columns, classes;  // the block's first column; its columns, and those of them that are classes

  // By turns: rows past the live ones, which are cheap, are at the end.
  __device__ __forceinline__ int number_of(int i) const { return first + i * clusters; }
  __device__ __forceinline__ __nv_bfloat16* row_at(int stage) const { return ring + stage * share; }
  __device__ __forceinline__ float4* bias_of(int unit) const {
    return bias + unit + unit / kClusterLanes * kClusterLanes;
  }
  // The logits of a unit with their bias, times log2 e.
  static __device__ __forceinline__ void biased(const uint4* unit, const float4* bias, float (&u)[kUnit]) {
    const float4 low = bias[0], high = bias[kClusterLanes];
    const float b[kUnit] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
    Packed<__nv_bfloat16> packed;
    packed.word[0] = *unit;
    unpack(packed, u);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) u[i] = __fmaf_rn(u[i], kLog2E, b[i]);
  }
  __device__ __forceinline__ float biased_column(const __nv_bfloat16* row, int c) const {
    const auto* const four = reinterpret_cast<const float*>(bias_of(c / kUnit) + (c % kUnit < 4 ? 0 : kClusterLanes));
    return __fmaf_rn(__bfloat162float(row[c]), kLog2E, four[c % 4]);
  }

  // The warps that compute: thread t of them has the units t + k kClusterLanes.

  __device__ __forceinline__ bool has(int k) const {
    return int(threadIdx.x) + k * kClusterLanes < columns / kUnit;
  }
  // What is copied reaches to the end of the unit in which the classes end; there -inf is added to what must be finite.
  __device__ __forceinline__ void clear_padding(__nv_bfloat16* row) const {
    if (classes <= 0 || classes % kUnit == 0 || classes / kUnit % kClusterLanes != int(threadIdx.x)) return;
    for (int c = classes; c % kUnit != 0; ++c) row[c] = __float2bfloat16_rn(0.f);
    ptx::fence_proxy_async();
  }
  // Row i's largest logit and sum of exponentials, warp by warp.
  __device__ __forceinline__ void take(int i, RingPlace at) const {
    OnlineSoftmax of[2];  // by turns: neither waits for the other
    // For nothing where there is no label; but whoever copies must not fall a round behind.
    ptx::mbarrier_wait_parity(&shared.full[at.stage], at.parity);
    if (shared.label[i] >= 0) {
      __nv_bfloat16* const row = row_at(at.stage);
      clear_padding(row);
      const uint4* const units = reinterpret_cast<const uint4*>(row) + threadIdx.x;
#pragma unroll
      for (int k = 0; k < kClusterUnits; ++k) {
        if (!has(k)) continue;
        float u[kUnit];
        biased(units + k * kClusterLanes, bias + threadIdx.x + 2 * k * kClusterLanes, u);
        of[k % 2].add(u);
      }
      of[0].join(make_float2(of[1].most, of[1].sum));
    }
    const float2 mine = of[0].of_warp();
    if (threadIdx.x % 32 == 0) {
      shared.of_warp[i % kTurns][threadIdx.x / 32] = mine;
      ptx::mbarrier_arrive(&shared.taken[i % kTurns]);
    }
  }
  // Row i's gradient, over its logits, and added to the column sums.
  __device__ __forceinline__ void differentiate(int i, RingPlace at, float (&sums)[kClusterUnits][kUnit]) const {
    const int32_t label = shared.label[i];
    const float offset = shared.offset[i % kTurns];
    const __nv_bfloat16* const row = row_at(at.stage);
    const uint4* const units = reinterpret_cast<const uint4*>(row) + threadIdx.x;
    __nv_bfloat16* const to = a.logits.row(number_of(i)) + base;
    uint4* const out = reinterpret_cast<uint4*>(to) + threadIdx.x;
    if (label < 0) {
#pragma unroll
      for (int k = 0; k < kClusterUnits; ++k)
        if (has(k)) out[k * kClusterLanes] = make_uint4(0, 0, 0, 0);
      return;
    }
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
      if (!has(k)) continue;
      float u[kUnit];
      biased(units + k * kClusterLanes, bias + threadIdx.x + 2 * k * kClusterLanes, u);
#pragma unroll
      for (int c = 0; c < kUnit; ++c) u[c] = ptx::exp2_approx(u[c] - offset), sums[k][c] += u[c];
      Packed<__nv_bfloat16> packed;
      pack(u, packed);
      out[k * kClusterLanes] = packed.word[0];
    }
    finish_label(label - base, row, to, offset, sums);
  }
  // The thread that has the label takes the scale off what it wrote and added.
  __device__ __forceinline__ void finish_label(int c, const __nv_bfloat16* row, __nv_bfloat16* to, float offset,
                                               float (&sums)[kClusterUnits][kUnit]) const {
    if (c < 0 || c >= columns || c / kUnit % kClusterLanes != int(threadIdx.x)) return;
    to[c] = __float2bfloat16_rn(ptx::exp2_approx(biased_column(row, c) - offset) - shared.factor);
    const int mine = c / kUnit / kClusterLanes * kUnit + c % kUnit;
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
#pragma unroll
      for (int j = 0; j < kUnit; ++j)
        if (k * kUnit + j == mine) sums[k][j] -= shared.factor;
    }
  }
  template <bool kGradient>
  __device__ __forceinline__ void compute() const {
    float sums[kClusterUnits][kUnit] = {};
    const int ahead = kAhead < stages ? kAhead : stages - 1;
    RingPlace here, there;
    for (int i = 0; i < ahead && i < rows; ++i, there.advance(stages)) take(i, there);
    for (int i = 0; i < rows; ++i, here.advance(stages)) {
      if (i + ahead < rows) take(i + ahead, there), there.advance(stages);
      ptx::mbarrier_wait_parity(&shared.known[i % kTurns], unsigned(i / kTurns) % 2);
      if constexpr (kGradient) differentiate(i, here, sums);
      __syncwarp();
      if (threadIdx.x % 32 == 0) ptx::mbarrier_arrive(&shared.empty[here.stage]);
    }
    ptx::allow_next_launch();
    if (a.parts) write_sums(sums);
  }
  __device__ __forceinline__ void write_sums(const float (&sums)[kClusterUnits][kUnit]) const {
    float* const part = a.parts + int64_t(first) * a.parts_ld + base;
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
      const int c = (int(threadIdx.x) + k * kClusterLanes) * kUnit;
      if (has(k) && c < classes) store_unit(part + c, classes - c, true, sums[k]);
    }
  }

  // The warp that has rows copied.

  __device__ __forceinline__ void copy_row(int i, int stage, int32_t label) const {
    const int of_classes = (classes + kUnit - 1) / kUnit * kUnit;
    if (label < 0 || classes <= 0) return ptx::mbarrier_arrive(&shared.full[stage]);
    const auto bytes = unsigned(of_classes) * unsigned(sizeof(__nv_bfloat16));
    ptx::mbarrier_arrive_expect_tx(&shared.full[stage], bytes);
    ptx::bulk_load(row_at(stage), a.logits.row(number_of(i)) + base, bytes, &shared.full[stage]);
  }
  // One thread makes the barriers and has the ring filled, while the others see to bias and labels.
  __device__ __forceinline__ void start_copies(int live) const {
    for (int stage = 0; stage < stages; ++stage) {
      ptx::mbarrier_init(&shared.full[stage], 1);
      ptx::mbarrier_init(&shared.empty[stage], kClusterWarps + 1);
    }
    for (int turn = 0; turn < kTurns; ++turn) {
      ptx::mbarrier_init(&shared.taken[turn], kClusterWarps);
      ptx::mbarrier_init(&shared.told[turn], 1);
      ptx::mbarrier_init(&shared.known[turn], 1);
    }
    ptx::fence_mbarrier_init();
    ptx::fence_proxy_async();
    for (int i = 0; i < stages && i < rows; ++i) copy_row(i, i, i < live ? a.labels[number_of(i)] : -1);
  }
  __device__ __forceinline__ void copy_rows() const {
    if (threadIdx.x % 32 != 0) return;
    RingPlace at{0, 1};
    for (int i = stages; i < rows; ++i, at.advance(stages)) {
      ptx::mbarrier_wait_parity(&shared.empty[at.stage], at.parity ^ 1);
      copy_row(i, at.stage, shared.label[i]);
    }
  }

  // The warp that tells, is told, and settles.

  // Largest logit and sum of exponentials of the whole row: the same bits in every block.
  __device__ __forceinline__ float2 exchange(int i) const {
    const int lane = int(threadIdx.x) % 32, turn = i % kTurns;
    const auto parity = unsigned(i / kTurns) % 2;
    ptx::mbarrier_wait_parity(&shared.taken[turn], parity);
    OnlineSoftmax mine;
    if (lane < kClusterWarps) mine.join(shared.of_warp[turn][lane]);
    const float2 block = mine.of_warp();
    if (size == 1) return block;  // a block alone may not use such stores
    if (lane < size) ptx::cluster_store_async(&shared.of_block[turn][rank], &shared.told[turn], unsigned(lane), block);
    if (lane == 0) ptx::mbarrier_arrive_expect_tx(&shared.told[turn], unsigned(size) * sizeof(float2));
    ptx::mbarrier_wait_parity(&shared.told[turn], parity);
    OnlineSoftmax all;
    if (lane < size) all.join(shared.of_block[turn][lane]);
    return all.of_warp();
  }
  // The row's loss, and whether its label is the first of the largest.
  __device__ __forceinline__ void settle(int i, float2 totals, RingPlace at) const {
    const int lane = int(threadIdx.x) % 32, turn = i % kTurns, label = shared.label[i], c = label - base;
    if (label < 0) {
      if (rank == 0 && lane == 0) a.row_loss[number_of(i)] = 0, a.row_correct[number_of(i)] = 0;
      return;
    }
    if (c < 0 || c >= columns) return;
    const __nv_bfloat16* const row = row_at(at.stage);
    ptx::mbarrier_wait_parity(&shared.full[at.stage], at.parity);
    const float of_label = biased_column(row, c);
    bool right = of_label == totals.x;
    if (right) {
      const bool in_block = lane < rank && shared.of_block[turn][lane].x == totals.x;
      const bool in_warp = lane < kClusterWarps && shared.of_warp[turn][lane].x == totals.x;
      right = !__any_sync(0xffffffffu, in_block) && !beaten(row, c, totals.x, __ballot_sync(0xffffffffu, in_warp));
    }
    if (lane > 0) return;
    a.row_loss[number_of(i)] = logf(totals.y) + kLn2 * (totals.x - of_label);
    a.row_correct[number_of(i)] = right;
  }
  // Whether a column before c is as large, in the units of these warps.
  __device__ __forceinline__ bool beaten(const __nv_bfloat16* row, int c, float most, unsigned of_warps) const {
    bool found = false;
    for (; of_warps; of_warps &= of_warps - 1) {
      for (int unit = (__ffs(int(of_warps)) - 1) * 32 + int(threadIdx.x) % 32; unit * kUnit < c;
           unit += kClusterLanes) {
        float u[kUnit];
        biased(reinterpret_cast<const uint4*>(row) + unit, bias_of(unit), u);
#pragma unroll
        for (int j = 0; j < kUnit; ++j) found = found || (unit * kUnit + j < c && u[j] == most);
      }
    }
    return __any_sync(0xffffffffu, found);
  }
  __device__ __forceinline__ void settle_rows() const {
    RingPlace at;
    for (int i = 0; i < rows; ++i, at.advance(stages)) {
      const float2 totals = exchange(i);
      const int turn = i % kTurns;
      if (threadIdx.x % 32 == 0) {
        shared.offset[turn] = totals.x + log2f(totals.y) - shared.log2_factor;
        ptx::mbarrier_arrive(&shared.known[turn]);
      }
      settle(i, totals, at);
      __syncwarp();
      if (threadIdx.x % 32 == 0) ptx::mbarrier_arrive(&shared.empty[at.stage]);
    }
  }

  // All of them.

  __device__ __forceinline__ void fill() const {
    const int live = count_to(int(live_rows(a.live, a.rows)), first, clusters);  // of the cluster's rows
    if (threadIdx.x == kClusterLanes) start_copies(live);
    if (threadIdx.x == 0) shared.factor = a.grad_scale ? *a.grad_scale : 1, shared.log2_factor = log2f(shared.factor);
    for (int i = int(threadIdx.x); i < rows; i += kClusterThreads)
      shared.label[i] = i < live ? a.labels[number_of(i)] : -1;
    for (int unit = int(threadIdx.x); unit < share / kUnit; unit += kClusterThreads) {
      float b[kUnit] = {};
      const int n = classes - unit * kUnit;
      if (a.bias.data && n > 0) load_unit(a.bias.data + base + unit * kUnit, n, a.bias.wide, b);
#pragma unroll
      for (int j = 0; j < kUnit; ++j) b[j] = j < n ? __fmul_rn(kLog2E, b[j]) : -INFINITY;
      float4* const four = bias_of(unit);
      four[0] = make_float4(b[0], b[1], b[2], b[3]), four[kClusterLanes] = make_float4(b[4], b[5], b[6], b[7]);
      if (n > 0) continue;
      for (int stage = 0; stage < stages; ++stage)  // where nothing is copied to
        reinterpret_cast<uint4*>(row_at(stage))[unit] = make_uint4(0, 0, 0, 0);
    }
  }
};

// Launched with clusters of shape.blocks blocks of kClusterThreads and shape.smem() bytes. REQUIRES: rows are whole
// 16-byte words, at most kMostRows rows a cluster, at least two stages, *grad_scale not negative.
template <bool kGradient>
__global__ void __launch_bounds__(kClusterThreads)
    cross_entropy_cluster_kernel(CrossEntropyArgs<__nv_bfloat16> a, ClusterShape shape) {
  if constexpr (ptx::kHasClusters) {
    const int rank = int(ptx::cluster_rank()), size = int(shape.blocks), share = shape.share;
    const int first = int(blockIdx.x) / size, clusters = int(gridDim.x) / size, base = rank * share;
    const int right = int(a.cols) - base, of_classes = int(a.classes) - base;
    auto* const bias = dynamic_smem<float4>();
    const ClusterRows block{a,
                            static_smem<CrossEntropyClusterShared>(),
                            reinterpret_cast<__nv_bfloat16*>(bias) + shape.bias_bytes() / sizeof(__nv_bfloat16),
                            bias,
                            share,
                            shape.stages,
                            rank,
                            size,
                            count_to(int(a.rows), first, clusters),
                            first,
                            clusters,
                            base,
                            right < share ? right : share,
                            of_classes < share ? of_classes : share};
    block.fill();
    __syncthreads();
    // Nobody writes to a block that has not started and made its mbarriers.
    ptx::cluster_arrive();
    ptx::cluster_wait();
    const int warp = int(threadIdx.x) / 32;
    if (warp < kClusterWarps) return block.compute<kGradient>();
    if (warp == kClusterWarps) return block.copy_rows();
    block.settle_rows();
  }
}

}  // namespace encore::cuda
