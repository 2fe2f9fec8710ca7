// Cross-entropy of bf16 rows that lie in the registers of a cluster of blocks (cross_entropy.cuh says which; sm_90).
//
// Every block has a share of the columns: of them the bias and the gradient's column sums stay in its shared memory, so
// that memory moves nothing but the logits, once in and once out. In one pass over a thread's units the gradient of a
// row is written, the row after the next is loaded into the same registers, and the next row's largest logit and sum of
// exponentials are taken. Every warp tells these two to all blocks of the cluster by asynchronous stores, for which a
// block waits at an mbarrier of its own: the barrier of a cluster would wait for all writes to memory first. The
// statistics are ahead of the gradients by kAhead units, so that the news travels while there is work.
#pragma once

#include <device/cluster.cuh>
#include <device/mbarrier.cuh>

#include "kernels/cuda/cross_entropy.cuh"
#include "kernels/cuda/online_softmax.cuh"

namespace encore::cuda {

inline constexpr int kClusterThreads = 640, kClusterUnits = 5, kClusterWarps = kClusterThreads / 32, kMostBlocks = 8;
inline constexpr int64_t kBlockColumns = int64_t(kClusterThreads) * kClusterUnits * kUnit;
inline constexpr int kAhead = 2;
inline constexpr size_t kClusterSmem = size_t(2 * kBlockColumns) * sizeof(float);

// Of two rows by turns, but for the limits.
struct CrossEntropyClusterShared {
  float2 told[2][kMostBlocks * kClusterWarps];  // by warp of the cluster: largest logit, sum of exponentials against it
  uint64_t all_told[2];                         // mbarriers: the row's are there, and the block's warps have told
  int classes, end;                             // of the block's columns
  int beaten[2];  // some column of this block before the label has the same logit
};

struct HeldRow {
  Packed<__nv_bfloat16> unit[kClusterUnits];
  int32_t label;                   // negative: the row counts for nothing, and was not read
  float label_logit, label_bias;
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
  int rank, size, first, columns, classes;
  int rows;      // with labels
  int open_row;  // thread 0: the row before, whose correctness waits for a barrier; -1: none
  float factor, log2_factor;

  __device__ __forceinline__ float4* sums(int half) const {
    return bias + (2 * kClusterUnits + half) * kClusterThreads;
  }
  // Anew each row: kept over the loop, what follows from them takes a dozen registers that are not there.
  __device__ __forceinline__ void measure() { columns = shared.end - first, classes = shared.classes - first; }
  __device__ __forceinline__ bool has(int k) const { return k * kStride < columns; }
  __device__ __forceinline__ int32_t label_of_row(int r) const { return r < rows ? a.labels[r] : -1; }
  __device__ __forceinline__ __nv_bfloat16* units(int r) const { return a.logits.row(r) + first; }

  __device__ __forceinline__ void load(HeldRow& row, int k, const __nv_bfloat16* from, int32_t label) const {
    row.unit[k] = Packed<__nv_bfloat16>{};
    if (label >= 0) row.unit[k].word[0] = *reinterpret_cast<const uint4*>(from + k * kStride);
  }
  // The unit's logits with their bias, times log2 e; the bias is -inf in columns that are no classes: what lies there
  // was cleared.
  __device__ __forceinline__ void biased(const HeldRow& row, int k, float (&u)[kUnit]) const {
    const float4 low = bias[2 * k * kClusterThreads], high = bias[(2 * k + 1) * kClusterThreads];
    const float b[kUnit] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
    unpack(row.unit[k], u);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) u[i] = u[i] * kLog2E + b[i];
  }

  __device__ __forceinline__ void clear_padding(HeldRow& row, int k) const {
    const int n = classes - k * kStride;
    if (n >= kUnit) return;
    uint4& word = row.unit[k].word[0];
    word.x &= n >= 2 ? ~0u : n == 1 ? 0xffffu : 0u;
    word.y &= n >= 4 ? ~0u : n == 3 ? 0xffffu : 0u;
    word.z &= n >= 6 ? ~0u : n == 5 ? 0xffffu : 0u;
    word.w &= n == 7 ? 0xffffu : 0u;
  }

  __device__ __forceinline__ void add_statistics(HeldRow& row, int32_t label, int k, OnlineSoftmax& running) const {
    if (!has(k) || label < 0) return;
    clear_padding(row, k);
    float u[kUnit];
    biased(row, k, u);
    running.add(u);
  }
  // The logit of the label as biased() has it.
  static __device__ __forceinline__ float of_label(const HeldRow& row) {
    return row.label_logit * kLog2E + row.label_bias;
  }
  // Whether the block has that column: its threads write the gradient there, and then no other block may read.
  __device__ __forceinline__ bool owns(int32_t label) const {
    const int before = int(threadIdx.x) * kUnit;
    return label >= 0 && unsigned(label - first + before) < unsigned(columns + before);
  }
  __device__ __forceinline__ void load_label(HeldRow& row, int r) const {
    if (!owns(row.label)) return;
    row.label_logit = __bfloat162float(a.logits.row(r)[row.label]);
    row.label_bias = a.bias.data ? kLog2E * a.bias.data[row.label] : 0.f;
  }
  // 2^(u - offset): the probability times the scale. The label's own gradient is finish_label's.
  __device__ __forceinline__ void write_gradient(const HeldRow& row, int k, __nv_bfloat16* to, float offset) const {
    if (row.label < 0) return store_zeros(to + k * kStride, kUnit, true);
    float u[kUnit];
    biased(row, k, u);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) u[i] = ptx::exp2_approx(u[i] - offset);
    store_unit(to + k * kStride, kUnit, true, u);
    if (!a.parts) return;
    add_to(sums(2 * k), u[0], u[1], u[2], u[3]);
    add_to(sums(2 * k + 1), u[4], u[5], u[6], u[7]);
  }
  // The thread that wrote the label's unit takes the scale off it.
  __device__ __forceinline__ void finish_label(const HeldRow& row, __nv_bfloat16* to, float offset) const {
    const int at = row.label - first;
    if (row.label < 0 || unsigned(at) >= unsigned(columns) || at % kStride >= kUnit) return;
    to[at] = __float2bfloat16_rn(ptx::exp2_approx(of_label(row) - offset) - factor);
    if (a.parts) reinterpret_cast<float*>(sums(at / kStride * 2 + at % kUnit / 4))[at % 4] -= factor;
  }

  // Every block of the cluster learns what this warp's units say of a row. What these stores replace has been read by
  // all: whoever tells of a row has waited for the row before it, and with that for every warp to be done with the one
  // before that.
  __device__ __forceinline__ void tell(const OnlineSoftmax& running, int turn) const {
    const float2 mine = running.of_warp();
    const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
    float2* const place = &shared.told[turn][rank * kClusterWarps + warp];
    uint64_t* const barrier = &shared.all_told[turn];
    // A block alone must not use what a cluster's blocks tell one another by: the card stops at it.
    if (size == 1 && lane == 0) *place = mine;
    if (size > 1 && lane < size) ptx::cluster_store_async(place, barrier, unsigned(lane), mine);
    __syncwarp();
    if (lane > 0) return;
    if (warp == 0 && size > 1)
      ptx::mbarrier_arrive_expect_tx(barrier, unsigned(size * kClusterWarps) * sizeof(float2));
    else
      ptx::mbarrier_arrive(barrier);
  }
  // Largest logit and sum of exponentials of the whole row: the same bits in every thread.
  __device__ __forceinline__ float2 told(int turn, int parity) const {
    ptx::mbarrier_wait_parity(&shared.all_told[turn], unsigned(parity));
    OnlineSoftmax all;
#pragma unroll 1
    for (int i = int(threadIdx.x) % 32; i < size * kClusterWarps; i += 32) all.join(shared.told[turn][i]);
    return all.of_warp();
  }

  // The row's loss, and whether its label is the first of the largest: thread 0 knows when the next row is told of, and
  // the block's threads have said whether some column before the label is as large.
  __device__ __forceinline__ void settle(const HeldRow& row, int r, float2 totals, int turn) {
    settle_open(turn ^ 1);
    if (row.label < 0) {
      if (rank == 0 && threadIdx.x == 0) a.row_loss[r] = 0, a.row_correct[r] = 0;
      return;
    }
    if (!owns(row.label)) return;
    const int warp = int(threadIdx.x) / 32;
    const bool largest = of_label(row) == totals.x;
    if (largest && shared.told[turn][rank * kClusterWarps + warp].x == totals.x) find_equal(row, totals.x, turn);
    if (warp > 0) return;
    bool before = false;  // in a block with smaller columns
#pragma unroll 1
    for (int i = int(threadIdx.x); i < rank * kClusterWarps; i += 32)
      before = before || shared.told[turn][i].x == totals.x;
    before = __any_sync(0xffffffffu, before);
    if (threadIdx.x > 0) return;
    a.row_loss[r] = logf(totals.y) + kLn2 * (totals.x - of_label(row));
    a.row_correct[r] = largest && !before;
    open_row = r;
  }
  __device__ __forceinline__ void settle_open(int turn) {
    if (open_row < 0) return;
    if (shared.beaten[turn]) a.row_correct[open_row] = 0;
    shared.beaten[turn] = 0;
    open_row = -1;
  }
  __device__ __forceinline__ void find_equal(const HeldRow& row, float most, int turn) const {
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
      if (!has(k)) continue;
      float u[kUnit];
      biased(row, k, u);
#pragma unroll
      for (int i = 0; i < kUnit; ++i)
        if (first + k * kStride + i < row.label && u[i] == most) shared.beaten[turn] = 1;
    }
  }

  // Reads the first two rows and tells the cluster of the first. The barrier whose second half stands here says that
  // the other blocks have started and made their mbarriers.
  __device__ __forceinline__ void start(HeldRow& row, HeldRow& next, int r, OnlineSoftmax& running) {
    row.label = label_of_row(r), next.label = label_of_row(r + 1);
    load_label(row, r), load_label(next, r + 1);
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
      if (!has(k)) continue;
      load(row, k, units(r), row.label);
      load(next, k, units(r + 1), next.label);
    }
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) add_statistics(row, row.label, k, running);
    ptx::cluster_wait();
    tell(running, 0);
    running = OnlineSoftmax();
#pragma unroll
    for (int k = 0; k < kAhead; ++k) add_statistics(next, next.label, k, running);
  }
  // Row r, which `now` holds, is done; `next` holds row r + 1, of which `running` has kAhead units and the cluster is
  // told unless r was the last; `now` gets row r + 2, whose label is `after`, and `running` has kAhead units of it.
  __device__ __forceinline__ void step(HeldRow& now, HeldRow& next, int r, bool last, int32_t after, int turn,
                                       int parity, OnlineSoftmax& running) {
    const float2 totals = told(turn, parity);
    settle(now, r, totals, turn);
    measure();
    const float offset = totals.x + log2f(totals.y) - log2_factor;
    __nv_bfloat16 *const to = units(r), *const from = units(r + 2);
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
      if (has(k)) {
        if (a.gradient) write_gradient(now, k, to, offset);
        load(now, k, from, after);
      }
      if (k + kAhead < kClusterUnits) {
        add_statistics(next, next.label, k + kAhead, running);
        continue;
      }
      if (k + kAhead == kClusterUnits) {
        if (!last) tell(running, turn ^ 1);
        running = OnlineSoftmax();
      }
      add_statistics(now, after, k + kAhead - kClusterUnits, running);
    }
    if (a.gradient) finish_label(now, to, offset);
    now.label = after;
    load_label(now, r + 2);
  }

  __device__ __forceinline__ void fill() const {
    if (threadIdx.x == 0) {
      shared.classes = int(a.classes), shared.end = first + columns;
      shared.beaten[0] = shared.beaten[1] = 0;
      ptx::mbarrier_init(&shared.all_told[0], kClusterWarps);
      ptx::mbarrier_init(&shared.all_told[1], kClusterWarps);
      ptx::fence_mbarrier_init();
    }
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
      float b[kUnit] = {};
      const int n = classes - k * kStride;
      if (a.bias.data && has(k) && n > 0) load_unit(a.bias.data + first + k * kStride, n, a.bias.wide, b);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) b[i] = i < n ? kLog2E * b[i] : -INFINITY;
      bias[2 * k * kClusterThreads] = make_float4(b[0], b[1], b[2], b[3]);
      bias[(2 * k + 1) * kClusterThreads] = make_float4(b[4], b[5], b[6], b[7]);
      *sums(2 * k) = *sums(2 * k + 1) = make_float4(0, 0, 0, 0);
    }
  }
  __device__ __forceinline__ void write_sums() const {
    float* const part = a.parts + int64_t(int(blockIdx.x) / size) * a.classes + first;
#pragma unroll
    for (int k = 0; k < kClusterUnits; ++k) {
      const int n = classes - k * kStride;
      if (!has(k) || n <= 0) continue;
      const float4 low = *sums(2 * k), high = *sums(2 * k + 1);
      const float u[kUnit] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
      store_unit(part + k * kStride, n, a.classes % 4 == 0, u);
    }
  }
};

// Launched with clusters of 1 to 8 blocks of kClusterThreads, kClusterSmem bytes. REQUIRES: rows are whole 16-byte
// words, cols at most kBlockColumns times the blocks of a cluster.
__global__ void __launch_bounds__(kClusterThreads) cross_entropy_cluster_kernel(CrossEntropyArgs<__nv_bfloat16> a) {
  if constexpr (ptx::kHasClusters) {
    const int rank = int(ptx::cluster_rank()), size = int(ptx::cluster_size());
    const int begin = int(blockIdx.x) / size * int(a.rows_per_block);
    const int end = begin + int(a.rows_per_block) < int(a.rows) ? begin + int(a.rows_per_block) : int(a.rows);
    const int live = int(live_rows(a.live, a.rows));
    const int cols = int(a.cols), share = (cols / kUnit + size - 1) / size * kUnit;
    const int first = rank * share + int(threadIdx.x) * kUnit,
              limit = (rank + 1) * share < cols ? (rank + 1) * share : cols;
    RowCluster cluster{a,
                       static_smem<CrossEntropyClusterShared>(),
                       dynamic_smem<float4>() + threadIdx.x,
                       rank,
                       size,
                       first,
                       limit - first,
                       int(a.classes) - first,
                       live < end ? live : end,
                       -1,
                       a.gradient ? *a.grad_scale : 0.f,
                       a.gradient ? log2f(*a.grad_scale) : 0.f};
    cluster.fill();
    ptx::cluster_arrive();
    HeldRow even, odd;
    OnlineSoftmax running;
    cluster.start(even, odd, begin, running);
    int32_t after = cluster.label_of_row(begin + 2);  // a step before it is needed
    for (int r = begin; r < end; r += 2) {
      const int32_t then = cluster.label_of_row(r + 3);
      const int parity = (r - begin) / 2 % 2;
      cluster.step(even, odd, r, r + 1 == end, after, 0, parity, running);
      if (r + 1 == end) break;
      after = cluster.label_of_row(r + 4);
      cluster.step(odd, even, r + 1, r + 2 == end, then, 1, parity, running);
    }
    __syncthreads();
    cluster.settle_open((end - begin - 1) % 2);
    if (a.parts) cluster.write_sums();
  }
}

}  // namespace encore::cuda
