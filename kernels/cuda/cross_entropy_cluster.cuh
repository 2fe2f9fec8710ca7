// Cross-entropy of bf16 rows that lie in the registers of a cluster of blocks (cross_entropy.cuh says which; sm_90).
//
// Every block has a share of the columns: of them the bias and the gradient's column sums stay in its shared memory, so
// that memory moves nothing but the logits, once in and once out.
//
// A step of a row: a block waits at an mbarrier of its own for what was told of the row (the barrier of a cluster would
// wait for all writes to memory first); its gradient is written, and the row after the next is loaded into the same
// registers. When kBefore units are done, the next row's largest logit and sum of exponentials are taken, and every
// warp tells them to all blocks of the cluster by asynchronous stores: they travel while the other units are done, and
// what those load arrives while the next row's first units are.
#pragma once

#include <device/cluster.cuh>
#include <device/mbarrier.cuh>

#include "kernels/cuda/cross_entropy.cuh"
#include "kernels/cuda/online_softmax.cuh"

namespace encore::cuda {

inline constexpr int kClusterThreads = 640, kClusterUnits = 5, kClusterWarps = kClusterThreads / 32, kMostBlocks = 8;
inline constexpr int64_t kBlockColumns = int64_t(kClusterThreads) * kClusterUnits * kUnit;
inline constexpr int kTurns = 4, kMostRows = 1024, kBefore = 3;
inline constexpr size_t kClusterSmem = size_t(2 * kBlockColumns) * sizeof(float);

// Of four rows by turns: what is told, the barriers and the ties.
struct CrossEntropyClusterShared {
  float2 told[kTurns]
             [kMostBlocks * kClusterWarps];  // by warp of the cluster: largest logit, sum of exponentials against it
  uint64_t all_told[kTurns];                 // mbarriers: the row's are there, and the block's warps have told
  int32_t label[kMostRows + 2];              // of the block's rows, and none
  float of_label[kMostRows];                 // the label's logit as biased() has it, in the block that has it
  int rank, size, begin;                     // of the block in its cluster; the first row
  int classes, end;                          // of the block's columns
  float factor, log2_factor;
  int beaten[kTurns];  // some column of this block before the label has the same logit
};

struct HeldRow {
  Packed<__nv_bfloat16> unit[kClusterUnits];
};

__device__ __forceinline__ void add_to(float4* sum, float a, float b, float c, float d) {
  const float4 old = *sum;
  *sum = make_float4(old.x + a, old.y + b, old.z + c, old.w + d);
}

// A thread's view of its cluster. Its unit k has the columns first + k kStride and the next seven; `columns` of the
// block's and `classes` of the classes are left from `first` on.
struct RowCluster {
  static constexpr int kStride = kClusterThreads * kUnit;
  const CrossEntropyArgs<__nv_bfloat16>& a;
  CrossEntropyClusterShared& shared;
  float4* bias;  // times log2 e; of unit k at 2 k and 2 k + 1, times kClusterThreads; the column sums follow
  int first, columns, classes;
  __nv_bfloat16* at;  // the thread's units in the row that is done next

  __device__ __forceinline__ float4* sums(int half) const {
    return bias + (2 * kClusterUnits + half) * kClusterThreads;
  }
  // Anew each row: kept over the loop, what follows from them takes a dozen registers that are not there.
  __device__ __forceinline__ void measure() { columns = shared.end - first, classes = shared.classes - first; }
  __device__ __forceinline__ bool has(int k) const { return k * kStride < columns; }
  // How far from `first` units of classes alone reach, in a row with that label.
  __device__ __forceinline__ int readable(int32_t label) const {
    return label < 0 ? 0 : columns < classes - kUnit + 1 ? columns : classes - kUnit + 1;
  }
  // Branches would keep the arithmetic of neighbouring units apart: what is not there is zero, with a bias of -inf.
  static __device__ __forceinline__ void load(HeldRow& row, int k, const __nv_bfloat16* from, int readable) {
    row.unit[k] = Packed<__nv_bfloat16>{};
    if (k * kStride < readable) row.unit[k].word[0] = *reinterpret_cast<const uint4*>(from + k * kStride);
  }
  // The unit in which the classes end, if the thread has it: a branch of its own, for every thread would wait for what
  // is masked here.
  __device__ __forceinline__ void load_last(HeldRow& row, const __nv_bfloat16* from, int32_t label) const {
    const int n = classes % kStride;
    if (label < 0 || classes < 0 || n == 0 || n >= kUnit) return;
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
      if (k * kStride + n != classes || !has(k)) continue;
      uint4 word = *reinterpret_cast<const uint4*>(from + k * kStride);
      word.x &= n >= 2 ? ~0u : 0xffffu;
      word.y &= n >= 4 ? ~0u : n == 3 ? 0xffffu : 0u;
      word.z &= n >= 6 ? ~0u : n == 5 ? 0xffffu : 0u;
      word.w &= n == 7 ? 0xffffu : 0u;
      row.unit[k].word[0] = word;
    }
  }
  // The unit's logits with their bias, times log2 e.
  __device__ __forceinline__ void biased(const HeldRow& row, int k, float (&u)[kUnit]) const {
    const float4 low = bias[2 * k * kClusterThreads], high = bias[(2 * k + 1) * kClusterThreads];
    const float b[kUnit] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
    unpack(row.unit[k], u);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) u[i] = __fmaf_rn(u[i], kLog2E, b[i]);
  }

  __device__ __forceinline__ OnlineSoftmax statistics(const HeldRow& row) const {
    OnlineSoftmax of[2];  // by turns: neither waits for the other
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
      float u[kUnit];
      biased(row, k, u);
      of[k % 2].add(u);
    }
    of[0].join(make_float2(of[1].most, of[1].sum));
    return of[0];
  }
  // Whether the block has that column.
  __device__ __forceinline__ bool owns(int32_t label) const {
    const int before = int(threadIdx.x) * kUnit;
    return label >= 0 && unsigned(label - first + before) < unsigned(columns + before);
  }
  // Whether a unit of this thread has it, at a multiple of kStride and less than kUnit.
  __device__ __forceinline__ bool has_label(int32_t label) const {
    const int at = label - first;
    return label >= 0 && at >= 0 && at < columns && at % kStride < kUnit;
  }
  // 2^(u - offset): the probability times the scale. The label's own gradient is finish_label's.
  __device__ __forceinline__ void write_gradient(const HeldRow& row, int k, __nv_bfloat16* to, float offset) const {
    float u[kUnit];
    biased(row, k, u);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) u[i] = ptx::exp2_approx(u[i] - offset);
    Packed<__nv_bfloat16> packed;
    pack(u, packed);
    if (has(k)) *reinterpret_cast<uint4*>(to + k * kStride) = packed.word[0];
    add_to(sums(2 * k), u[0], u[1], u[2], u[3]);
    add_to(sums(2 * k + 1), u[4], u[5], u[6], u[7]);
  }
  // The thread that wrote the label's unit takes the scale off it.
  __device__ __forceinline__ void finish_label(int32_t label, int i, __nv_bfloat16* to, float offset) const {
    if (!has_label(label)) return;
    const int at = label - first;
    to[at] = __float2bfloat16_rn(ptx::exp2_approx(shared.of_label[i] - offset) - shared.factor);
    reinterpret_cast<float*>(sums(at / kStride * 2 + at % kUnit / 4))[at % 4] -= shared.factor;
  }

  // Every block of the cluster learns what this warp's units say of a row. What these stores replace has long been
  // read: whoever tells of row i has waited for row i - 1, of which no warp tells before it has settled row i - 2.
  __device__ __forceinline__ void tell(const OnlineSoftmax& running, int turn) const {
    const float2 mine = running.of_warp();
    const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
    float2* const place = &shared.told[turn][shared.rank * kClusterWarps + warp];
    uint64_t* const barrier = &shared.all_told[turn];
    if (shared.size == 1) {  // a block alone may not use such stores
      if (lane == 0) *place = mine;
      return;
    }
    if (lane < shared.size) ptx::cluster_store_async(place, barrier, unsigned(lane), mine);
    __syncwarp();
    if (lane > 0) return;
    if (warp == 0)
      ptx::mbarrier_arrive_expect_tx(barrier, unsigned(shared.size * kClusterWarps) * sizeof(float2));
    else
      ptx::mbarrier_arrive(barrier);
  }
  // Largest logit and sum of exponentials of the whole row: the same bits in every thread.
  __device__ __forceinline__ float2 told(int turn, int parity) const {
    if (shared.size == 1)
      __syncthreads();
    else
      ptx::mbarrier_wait_parity(&shared.all_told[turn], unsigned(parity));
    OnlineSoftmax all;
#pragma unroll 1
    for (int i = int(threadIdx.x) % 32; i < shared.size * kClusterWarps; i += 32) all.join(shared.told[turn][i]);
    return all.of_warp();
  }

  // The row's loss, and whether its label is the first of the largest: thread 0 knows of ties two rows later.
  __device__ __forceinline__ void settle(const HeldRow& row, int32_t label, int i, float2 totals, int turn) const {
    settle_ties(i - 2);
    if (label < 0) {
      if (shared.rank == 0 && threadIdx.x == 0) a.row_loss[shared.begin + i] = 0, a.row_correct[shared.begin + i] = 0;
      return;
    }
    if (!owns(label)) return;
    const int warp = int(threadIdx.x) / 32;
    const float of_label = shared.of_label[i];
    const bool largest = of_label == totals.x;
    if (largest && shared.told[turn][shared.rank * kClusterWarps + warp].x == totals.x)
      find_equal(row, label, totals.x, turn);
    if (warp > 0) return;
    bool before = false;  // in a block with smaller columns
#pragma unroll 1
    for (int w = int(threadIdx.x); w < shared.rank * kClusterWarps; w += 32)
      before = before || shared.told[turn][w].x == totals.x;
    before = __any_sync(0xffffffffu, before);
    if (threadIdx.x > 0) return;
    a.row_loss[shared.begin + i] = logf(totals.y) + kLn2 * (totals.x - of_label);
    a.row_correct[shared.begin + i] = largest && !before;
  }
  // Thread 0, when all warps of the block have told of row i + 2, and so are done with the row.
  __device__ __forceinline__ void settle_ties(int i) const {
    if (threadIdx.x > 0 || i < 0 || !shared.beaten[i % kTurns]) return;
    a.row_correct[shared.begin + i] = 0;
    shared.beaten[i % kTurns] = 0;
  }
  __device__ __forceinline__ void find_equal(const HeldRow& row, int32_t label, float most, int turn) const {
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
      if (!has(k)) continue;
      float u[kUnit];
      biased(row, k, u);
#pragma unroll
      for (int i = 0; i < kUnit; ++i)
        if (first + k * kStride + i < label && u[i] == most) shared.beaten[turn] = 1;
    }
  }

  // Reads the first two rows and tells the cluster of the first. The barrier whose second half stands here says that
  // the other blocks have started and made their mbarriers.
  __device__ __forceinline__ void start(HeldRow& row, HeldRow& next) const {
    const int32_t label = shared.label[0], after = shared.label[1];
    const __nv_bfloat16* const second = at + a.logits.ld;
    const int of_row = readable(label), of_next = readable(after);
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
      load(row, k, at, of_row);
      load(next, k, second, of_next);
    }
    load_last(row, at, label);
    load_last(next, second, after);
    const OnlineSoftmax of_units = statistics(row);
    ptx::cluster_wait();
    tell(of_units, 0);
  }
  // Row i of the block, which `now` holds, is done, and `now` gets row i + 2; the cluster is told of row i + 1, which
  // `next` holds, unless i was the last.
  template <bool kGradient>
  __device__ __forceinline__ void step(HeldRow& now, const HeldRow& next, int i, bool last) {
    const int turn = i % kTurns;
    const int32_t label = shared.label[i], after = shared.label[i + 2];
    const float2 totals = told(turn, i / kTurns % 2);
    settle(now, label, i, totals, turn);
    measure();
    // Of a row that counts for nothing, whose units are zeros, 2^-inf is the gradient.
    const float offset = label < 0 ? INFINITY : totals.x + log2f(totals.y) - shared.log2_factor;
    __nv_bfloat16 *const to = at, *const from = at + 2 * a.logits.ld;
    at += a.logits.ld;
    const int of_after = readable(after);
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
      if (k == kBefore) {
        __syncwarp();  // or the arithmetic on both sides is mixed, for which there are no registers
        if (!last) tell(statistics(next), (i + 1) % kTurns);
      }
      if constexpr (kGradient) write_gradient(now, k, to, offset);
      load(now, k, from, of_after);
    }
    load_last(now, from, after);
    if constexpr (kGradient) finish_label(label, i, to, offset);
  }

  __device__ __forceinline__ void fill(int rank, int size, int begin, int rows, int live) const {
    if (threadIdx.x == 0) {
      shared.rank = rank, shared.size = size, shared.begin = begin;
      shared.classes = int(a.classes), shared.end = first + columns;
      shared.factor = a.grad_scale ? *a.grad_scale : 1, shared.log2_factor = log2f(shared.factor);
      for (int turn = 0; turn < kTurns; ++turn) {
        shared.beaten[turn] = 0;
        ptx::mbarrier_init(&shared.all_told[turn], kClusterWarps);
      }
      ptx::fence_mbarrier_init();
    }
    for (int i = int(threadIdx.x); i < rows + 2; i += kClusterThreads) {
      const int32_t label = i < live ? a.labels[begin + i] : -1;
      shared.label[i] = label;
      if (!owns(label)) continue;
      const float of_bias = a.bias.data ? a.bias.data[label] : 0.f;
      shared.of_label[i] =
          __fmaf_rn(__bfloat162float(a.logits.row(begin + i)[label]), kLog2E, __fmul_rn(kLog2E, of_bias));
    }
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
      float b[kUnit] = {};
      const int n = classes - k * kStride;
      if (a.bias.data && has(k) && n > 0) load_unit(a.bias.data + first + k * kStride, n, a.bias.wide, b);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) b[i] = has(k) && i < n ? __fmul_rn(kLog2E, b[i]) : -INFINITY;
      bias[2 * k * kClusterThreads] = make_float4(b[0], b[1], b[2], b[3]);
      bias[(2 * k + 1) * kClusterThreads] = make_float4(b[4], b[5], b[6], b[7]);
      *sums(2 * k) = *sums(2 * k + 1) = make_float4(0, 0, 0, 0);
    }
  }
  __device__ __forceinline__ void write_sums() const {
    float* const part = a.parts + int64_t(int(blockIdx.x) / shared.size) * a.parts_ld + first;
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
      const int n = classes - k * kStride;
      if (!has(k) || n <= 0) continue;
      const float4 low = *sums(2 * k), high = *sums(2 * k + 1);
      const float u[kUnit] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
      store_unit(part + k * kStride, n, true, u);
    }
  }
};

// Launched with clusters of 1 to 8 blocks of kClusterThreads, kClusterSmem bytes. REQUIRES: rows are whole 16-byte
// words, cols at most kBlockColumns times the blocks of a cluster, rows_per_block at most kMostRows, *grad_scale not
// negative.
template <bool kGradient>
__global__ void __launch_bounds__(kClusterThreads) cross_entropy_cluster_kernel(CrossEntropyArgs<__nv_bfloat16> a) {
  if constexpr (ptx::kHasClusters) {
    const int rank = int(ptx::cluster_rank()), size = int(ptx::cluster_size());
    const int begin = int(blockIdx.x) / size * int(a.rows_per_block);
    const int left = int(a.rows) - begin, rows = left < int(a.rows_per_block) ? left : int(a.rows_per_block);
    const int cols = int(a.cols), share = (cols / kUnit + size - 1) / size * kUnit;
    const int first = rank * share + int(threadIdx.x) * kUnit,
              limit = (rank + 1) * share < cols ? (rank + 1) * share : cols;
    RowCluster cluster{a,
                       static_smem<CrossEntropyClusterShared>(),
                       dynamic_smem<float4>() + threadIdx.x,
                       first,
                       limit - first,
                       int(a.classes) - first,
                       a.logits.row(begin) + first};
    const int live = int(live_rows(a.live, a.rows)) - begin;
    cluster.fill(rank, size, begin, rows, live < rows ? live : rows);
    __syncthreads();
    ptx::cluster_arrive();
    HeldRow even, odd;
    cluster.start(even, odd);
    for (int i = 0; i < rows; i += 2) {
      cluster.step<kGradient>(even, odd, i, i + 1 == rows);
      if (i + 1 < rows) cluster.step<kGradient>(odd, even, i + 1, i + 2 == rows);
    }
    __syncthreads();
    cluster.settle_ties(rows - 2), cluster.settle_ties(rows - 1);
    if (a.parts) cluster.write_sums();
  }
}

}  // namespace encore::cuda
