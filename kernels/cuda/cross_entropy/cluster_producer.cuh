// The producer warp of a block of a cluster: keeps the ring full by bulk copies.
#pragma once

#include "kernels/cuda/cross_entropy/cluster_block.cuh"

namespace encore::cuda {

struct ClusterProducer : ClusterBlock {
  // Starts the copy of row i's classes. A row without a label is not copied, but its stage counts as full.
  __device__ __forceinline__ void copy_row(int i, int stage, int32_t label) const {
    const int padded = (classes + kUnit - 1) / kUnit * kUnit;
    if (label < 0 || classes <= 0) return ptx::mbarrier_arrive(&shared.full[stage]);
    const auto bytes = unsigned(padded) * unsigned(sizeof(__nv_bfloat16));
    ptx::mbarrier_arrive_expect_tx(&shared.full[stage], bytes);
    ptx::bulk_load(row_at(stage), a.logits.row(row_number(i)) + base, bytes, &shared.full[stage]);
  }
  // Initialises the barriers and fills the ring. By one thread, while the others write bias and labels.
  __device__ __forceinline__ void fill_ring(int live) const {
    for (int stage = 0; stage < stages; ++stage) {
      ptx::mbarrier_init(&shared.full[stage], 1);
      ptx::mbarrier_init(&shared.empty[stage], kConsumerWarps + 1);
    }
    for (int slot = 0; slot < kSlots; ++slot) {
      ptx::mbarrier_init(&shared.warps_full[slot], kConsumerWarps);
      ptx::mbarrier_init(&shared.blocks_full[slot], 1);
      ptx::mbarrier_init(&shared.norm_full[slot], 1);
    }
    ptx::fence_mbarrier_init();
    ptx::fence_proxy_async();
    for (int i = 0; i < stages && i < rows; ++i) copy_row(i, i, i < live ? a.labels[row_number(i)] : -1);
  }
  // Every further row, as soon as its stage is empty.
  __device__ __forceinline__ void run() const {
    if (threadIdx.x % 32 != 0) return;
    RingPlace at{0, 1};
    for (int i = stages; i < rows; ++i, at.advance(stages)) {
      ptx::mbarrier_wait_parity(&shared.empty[at.stage], at.parity ^ 1);
      copy_row(i, at.stage, shared.label[i]);
    }
  }
};

}  // namespace encore::cuda
