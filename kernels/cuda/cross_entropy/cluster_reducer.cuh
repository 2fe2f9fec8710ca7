// The reducer warp of a block of a cluster: adds up what the consumer warps and the other blocks have of a row,
// publishes the row's normaliser, and stores its loss while the consumers go on.
#pragma once

#include "kernels/cuda/cross_entropy/cluster_block.cuh"

namespace encore::cuda {

struct ClusterReducer : ClusterBlock {
  // {row_max, row_sum} of the whole row i, the same bits in every block: the consumers' partials are reduced, and
  // exchanged with the other blocks by asynchronous stores (the barrier of a cluster would wait for all writes to
  // memory first).
  __device__ __forceinline__ float2 reduce_row(int i) const {
    const int lane = int(threadIdx.x) % 32, slot = i % kSlots;
    const unsigned parity = slot_parity(i);
    ptx::mbarrier_wait_parity(&shared.warps_full[slot], parity);
    OnlineSoftmax mine;
    if (lane < kConsumerWarps) mine.merge(shared.warp_partials[slot][lane]);
    const float2 block = mine.reduce_warp();
    if (size == 1) return block;  // a block alone may not store to its cluster
    if (lane < size)
      ptx::cluster_store_async(&shared.block_partials[slot][rank], &shared.blocks_full[slot], unsigned(lane), block);
    if (lane == 0) ptx::mbarrier_arrive_expect_tx(&shared.blocks_full[slot], unsigned(size) * sizeof(float2));
    ptx::mbarrier_wait_parity(&shared.blocks_full[slot], parity);
    OnlineSoftmax all;
    if (lane < size) all.merge(shared.block_partials[slot][lane]);
    return all.reduce_warp();
  }
  // The row's loss, and whether its label is the first of the largest logits. By the block that has the label's column.
  __device__ __forceinline__ void store_loss(int i, float2 total, RingPlace at) const {
    const int lane = int(threadIdx.x) % 32, slot = i % kSlots, label = shared.label[i], c = label - base;
    if (label < 0) {
      if (rank == 0 && lane == 0) a.row_loss[row_number(i)] = 0, a.row_correct[row_number(i)] = 0;
      return;
    }
    if (c < 0 || c >= columns) return;
    const __nv_bfloat16* const row = row_at(at.stage);
    ptx::mbarrier_wait_parity(&shared.full[at.stage], at.parity);
    const float label_logit = biased_column(row, c);
    bool correct = label_logit == total.x;
    if (correct) {
      const bool in_block = lane < rank && shared.block_partials[slot][lane].x == total.x;
      const bool in_warp = lane < kConsumerWarps && shared.warp_partials[slot][lane].x == total.x;
      correct =
          !__any_sync(0xffffffffu, in_block) && !tied_before(row, c, total.x, __ballot_sync(0xffffffffu, in_warp));
    }
    if (lane > 0) return;
    a.row_loss[row_number(i)] = logf(total.y) + kLn2 * (total.x - label_logit);
    a.row_correct[row_number(i)] = correct;
  }
  // Whether a column before c has the logit row_max, among the units of these consumer warps (a bit each).
  __device__ __forceinline__ bool tied_before(const __nv_bfloat16* row, int c, float row_max, unsigned warps) const {
    bool found = false;
    for (; warps; warps &= warps - 1) {
      for (int unit = (__ffs(int(warps)) - 1) * 32 + int(threadIdx.x) % 32; unit * kUnit < c;
           unit += kConsumerThreads) {
        float u[kUnit];
        biased(reinterpret_cast<const uint4*>(row) + unit, bias_of(unit), u);
#pragma unroll
        for (int j = 0; j < kUnit; ++j) found = found || (unit * kUnit + j < c && u[j] == row_max);
      }
    }
    return __any_sync(0xffffffffu, found);
  }
  __device__ __forceinline__ void run() const {
    RingPlace at;
    for (int i = 0; i < rows; ++i, at.advance(stages)) {
      const float2 total = reduce_row(i);
      const int slot = i % kSlots;
      if (threadIdx.x % 32 == 0) {
        shared.log2_norm[slot] = total.x + log2f(total.y) - shared.log2_factor;
        ptx::mbarrier_arrive(&shared.norm_full[slot]);
      }
      store_loss(i, total, at);
      __syncwarp();
      if (threadIdx.x % 32 == 0) ptx::mbarrier_arrive(&shared.empty[at.stage]);
    }
  }
};

}  // namespace encore::cuda
