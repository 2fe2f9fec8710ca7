// What the blocks of a cluster that shares a row of logits have in their shared memory, and how a row is shared
// (cross_entropy_cluster.cuh).
#pragma once

#include "kernels/cuda/vector.cuh"

namespace encore::cuda {

inline constexpr int kClusterWarps = 20, kClusterUnits = 5;  // warps that compute, and units of 8 columns of a thread
inline constexpr int kClusterLanes = kClusterWarps * 32, kClusterThreads = kClusterLanes + 64;
inline constexpr int kMostBlocks = 8, kMostStages = 6, kMostRows = 1024, kAhead = 2;
inline constexpr int kTurns = 4;  // what is said of rows lies in that many places by turns
inline constexpr int64_t kBlockColumns = int64_t(kClusterLanes) * kClusterUnits * kUnit;

// How a cluster shares a row.
struct ClusterShape {
  int share;   // columns of a block, whole units
  int stages;  // rows of its ring
  unsigned blocks;

  // Whole rounds of units, which the bias is laid out by (ClusterRows::bias).
  __host__ __device__ size_t bias_bytes() const {
    constexpr int kRound = kClusterLanes * kUnit;
    return size_t((share + kRound - 1) / kRound) * kRound * sizeof(float);
  }
  size_t row_bytes() const { return size_t(share) * sizeof(__nv_bfloat16); }
  size_t smem() const { return bias_bytes() + size_t(stages) * row_bytes(); }
};

struct CrossEntropyClusterShared {
  uint64_t full[kMostStages], empty[kMostStages];       // of a stage: its row has arrived; is not needed any more
  uint64_t taken[kTurns], told[kTurns], known[kTurns];  // of a row: by all warps; by all blocks; `offset` is there
  float2 of_warp[kTurns][kClusterWarps];                // largest logit, sum of exponentials against it
  float2 of_block[kTurns][kMostBlocks];
  float offset[kTurns];  // a logit less this is log2 of its probability times the scale
  int32_t label[kMostRows];
  float factor, log2_factor;
};

// The stage of a row, and how often its barriers have come round.
struct RingPlace {
  int stage = 0;
  unsigned parity = 0;
  __device__ __forceinline__ void advance(int stages) {
    if (++stage == stages) stage = 0, parity ^= 1;
  }
};

}  // namespace encore::cuda
