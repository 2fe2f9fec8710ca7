// A block of a cluster that shares rows of logits: the cluster's shape, the block's shared memory, and where rows and
// bias lie there. Its warps' roles are in cluster_producer.cuh, cluster_consumer.cuh and cluster_reducer.cuh; the
// kernel, with the description of the whole, is in in_cluster.cuh.
#pragma once

#include <device/bulk_copy.cuh>
#include <device/cluster.cuh>

#include "kernels/cuda/cross_entropy/online_softmax.cuh"
#include "kernels/cuda/cross_entropy/row.cuh"

namespace encore::cuda {

inline constexpr int kConsumerWarps = 20;
inline constexpr int kConsumerUnits = 5;  // units of 8 columns of a consumer thread
inline constexpr int kConsumerThreads = kConsumerWarps * 32;
inline constexpr int kClusterThreads = kConsumerThreads + 64;  // a producer and a reducer warp besides
inline constexpr int kMostBlocks = 8;                          // of a cluster: the most that launch without opting in
inline constexpr int kMostStages = 6;                          // rows of the ring
inline constexpr int kMostRows = 1024;                         // rows of one cluster, whose labels lie in shared memory
inline constexpr int kLookAhead = 2;  // rows between the row whose maximum and sum a consumer takes and the one whose
                                      // gradient it writes
inline constexpr int kSlots = 4;      // row i leaves its partial maxima and sums in slot i % kSlots
inline constexpr int64_t kBlockColumns = int64_t(kConsumerThreads) * kConsumerUnits * kUnit;

static_assert(kConsumerWarps <= 32 && kMostBlocks <= 32,
              "a lane of the reducer warp has a warp's or a block's partial");
// A consumer that writes row i + kLookAhead's partial has written the gradient of row i - 1, so the reducer has
// published row i - 1's normaliser and is done with row i - 2; but it may still read row i - 1's partials for the loss.
// The rows i - 1 to i + kLookAhead therefore need kLookAhead + 2 slots of their own. The same holds between blocks:
// another block's reducer sends row i + kLookAhead's partial only after it has got this block's of row i - 1, which
// this block's reducer sends after it is done with row i - 2.
static_assert(kSlots >= kLookAhead + 2, "a slot would be overwritten while the reducer still reads it");
static_assert(kMostStages > kLookAhead, "the ring holds the rows from a gradient to its look-ahead");

// How a cluster shares a row.
struct ClusterShape {
  int share;   // columns of a block, whole units
  int stages;  // rows of its ring
  unsigned blocks;

  // The bias is laid out by whole rounds of the consumers' units (ClusterBlock::bias).
  __host__ __device__ size_t bias_bytes() const {
    constexpr int kRound = kConsumerThreads * kUnit;
    return size_t((share + kRound - 1) / kRound) * kRound * sizeof(float);
  }
  size_t row_bytes() const { return size_t(share) * sizeof(__nv_bfloat16); }
  size_t smem() const { return bias_bytes() + size_t(stages) * row_bytes(); }
};

// The barriers (mbarriers) are named after what is ready once a phase of them is complete.
struct ClusterShared {
  uint64_t full[kMostStages];                    // of a stage: its row has arrived
  uint64_t empty[kMostStages];                   // of a stage: consumers and reducer are done with its row
  uint64_t warps_full[kSlots];                   // of a slot: warp_partials of all consumer warps
  uint64_t blocks_full[kSlots];                  // of a slot: block_partials of all blocks
  uint64_t norm_full[kSlots];                    // of a slot: log2_norm
  float2 warp_partials[kSlots][kConsumerWarps];  // {row_max, row_sum} (online_softmax.cuh) of a warp's columns
  float2 block_partials[kSlots][kMostBlocks];    // of a block's columns; written by all blocks of the cluster
  float
      log2_norm[kSlots];  // row_max + log2(row_sum / grad_scale): 2^(logit - log2_norm) is probability times grad_scale
  int32_t label[kMostRows];
  float factor, log2_factor;  // grad_scale
};

// The stage of a row, and the parity of the phase that its barriers are in.
struct RingPlace {
  int stage = 0;
  unsigned parity = 0;
  __device__ __forceinline__ void advance(int stages) {
    if (++stage == stages) stage = 0, parity ^= 1;
  }
};
__device__ __forceinline__ unsigned slot_parity(int i) {
  return unsigned(i / kSlots) % 2;
}

// How many of the rows first, first + step, ... come before the limit.
__device__ __forceinline__ int count_to(int limit, int first, int step) {
  return (limit - first + step - 1) / step;
}

struct ClusterBlock {
  const CrossEntropyArgs<__nv_bfloat16>& a;
  ClusterShared& shared;
  __nv_bfloat16* ring;
  float4* bias;  // times log2 e: the first four columns of kConsumerThreads units, then their other four; then the same
                 // of the next kConsumerThreads units
  int share, stages;
  int rank, size;              // of the block in its cluster
  int rows, first, clusters;   // the cluster's rows: first, first + clusters, ...
  int base, columns, classes;  // the block's first column; its columns, and how many of them are classes

  // Clusters take every clusters-th row, so that each has its share of the spare rows at the end, which cost little.
  __device__ __forceinline__ int row_number(int i) const { return first + i * clusters; }
  __device__ __forceinline__ __nv_bfloat16* row_at(int stage) const { return ring + stage * share; }
  __device__ __forceinline__ float4* bias_of(int unit) const {
    return bias + unit + unit / kConsumerThreads * kConsumerThreads;
  }
  // The biased logits of a unit, times log2 e.
  static __device__ __forceinline__ void biased(const uint4* unit, const float4* bias, float (&u)[kUnit]) {
    const float4 low = bias[0], high = bias[kConsumerThreads];
    const float b[kUnit] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
    Packed<__nv_bfloat16> packed;
    packed.word[0] = *unit;
    unpack(packed, u);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) u[i] = __fmaf_rn(u[i], kLog2E, b[i]);
  }
  // The biased logit of one column of the block.
  __device__ __forceinline__ float biased_column(const __nv_bfloat16* row, int c) const {
    const auto* const four =
        reinterpret_cast<const float*>(bias_of(c / kUnit) + (c % kUnit < 4 ? 0 : kConsumerThreads));
    return __fmaf_rn(__bfloat162float(row[c]), kLog2E, four[c % 4]);
  }
};

}  // namespace encore::cuda
