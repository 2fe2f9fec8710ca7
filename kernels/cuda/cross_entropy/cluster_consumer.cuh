// The consumer warps of a block of a cluster: maxima and sums of rows, and their gradients kLookAhead rows later.
// Consumer thread t has the units t + k kConsumerThreads of every row, in the order of k.
#pragma once

#include <device/early_launch.cuh>

#include "kernels/cuda/cross_entropy/cluster_block.cuh"

namespace encore::cuda {

struct ClusterConsumer : ClusterBlock {
  // Whether the row has a k-th unit for this thread.
  __device__ __forceinline__ bool has(int k) const { return int(threadIdx.x) + k * kConsumerThreads < columns / kUnit; }
  // A copy reaches to the end of the unit in which the classes end. The padding there must be finite, because its bias
  // is -inf. The fence orders these writes before the next bulk copy into the stage.
  __device__ __forceinline__ void clear_padding(__nv_bfloat16* row) const {
    if (classes <= 0 || classes % kUnit == 0 || classes / kUnit % kConsumerThreads != int(threadIdx.x)) return;
    for (int c = classes; c % kUnit != 0; ++c) row[c] = __float2bfloat16_rn(0.f);
    ptx::fence_proxy_async();
  }
  // Row i's largest logit and sum of exponentials: the warp's partial goes to the row's slot.
  __device__ __forceinline__ void accumulate(int i, RingPlace at) const {
    OnlineSoftmax softmax[2];  // two independent chains: units alternate between them
    // Also where a row has no label and nothing was copied: else the barrier could complete a second phase unseen.
    ptx::mbarrier_wait_parity(&shared.full[at.stage], at.parity);
    if (shared.label[i] >= 0) {
      __nv_bfloat16* const row = row_at(at.stage);
      clear_padding(row);
      const uint4* const units = reinterpret_cast<const uint4*>(row) + threadIdx.x;
#pragma unroll
      for (int k = 0; k < kConsumerUnits; ++k) {
        if (!has(k)) continue;
        float u[kUnit];
        biased(units + k * kConsumerThreads, bias + threadIdx.x + 2 * k * kConsumerThreads, u);
        softmax[k % 2].add(u);
      }
      softmax[0].merge(make_float2(softmax[1].row_max, softmax[1].row_sum));
    }
    const float2 mine = softmax[0].reduce_warp();
    if (threadIdx.x % 32 == 0) {
      shared.warp_partials[i % kSlots][threadIdx.x / 32] = mine;
      ptx::mbarrier_arrive(&shared.warps_full[i % kSlots]);
    }
  }
  // Row i's gradient: over its logits in memory, and added to the column sums.
  __device__ __forceinline__ void write_gradient(int i, RingPlace at, float (&sums)[kConsumerUnits][kUnit]) const {
    const int32_t label = shared.label[i];
    const float log2_norm = shared.log2_norm[i % kSlots];
    const __nv_bfloat16* const row = row_at(at.stage);
    const uint4* const units = reinterpret_cast<const uint4*>(row) + threadIdx.x;
    __nv_bfloat16* const to = a.logits.row(row_number(i)) + base;
    uint4* const out = reinterpret_cast<uint4*>(to) + threadIdx.x;
    if (label < 0) {
#pragma unroll
      for (int k = 0; k < kConsumerUnits; ++k)
        if (has(k)) out[k * kConsumerThreads] = make_uint4(0, 0, 0, 0);
      return;
    }
#pragma unroll
    for (int k = 0; k < kConsumerUnits; ++k) {
      if (!has(k)) continue;
      float u[kUnit];
      biased(units + k * kConsumerThreads, bias + threadIdx.x + 2 * k * kConsumerThreads, u);
#pragma unroll
      for (int c = 0; c < kUnit; ++c) u[c] = ptx::exp2_approx(u[c] - log2_norm), sums[k][c] += u[c];
      Packed<__nv_bfloat16> packed;
      pack(u, packed);
      out[k * kConsumerThreads] = packed.word[0];
    }
    subtract_label(label - base, row, to, log2_norm, sums);
  }
  // The thread that has the label's column c subtracts the one-hot term, times grad_scale, from gradient and column
  // sum.
  __device__ __forceinline__ void subtract_label(int c, const __nv_bfloat16* row, __nv_bfloat16* to, float log2_norm,
                                                 float (&sums)[kConsumerUnits][kUnit]) const {
    if (c < 0 || c >= columns || c / kUnit % kConsumerThreads != int(threadIdx.x)) return;
    to[c] = __float2bfloat16_rn(ptx::exp2_approx(biased_column(row, c) - log2_norm) - shared.factor);
    const int mine = c / kUnit / kConsumerThreads * kUnit + c % kUnit;
#pragma unroll
    for (int k = 0; k < kConsumerUnits; ++k) {
#pragma unroll
      for (int j = 0; j < kUnit; ++j)
        if (k * kUnit + j == mine) sums[k][j] -= shared.factor;
    }
  }
  template <bool kGradient>
  __device__ __forceinline__ void run() const {
    float sums[kConsumerUnits][kUnit] = {};
    const int ahead = kLookAhead < stages ? kLookAhead : stages - 1;
    RingPlace here, there;
    for (int i = 0; i < ahead && i < rows; ++i, there.advance(stages)) accumulate(i, there);
    for (int i = 0; i < rows; ++i, here.advance(stages)) {
      if (i + ahead < rows) accumulate(i + ahead, there), there.advance(stages);
      ptx::mbarrier_wait_parity(&shared.norm_full[i % kSlots], slot_parity(i));
      if constexpr (kGradient) write_gradient(i, here, sums);
      __syncwarp();
      if (threadIdx.x % 32 == 0) ptx::mbarrier_arrive(&shared.empty[here.stage]);
    }
    ptx::allow_next_launch();
    if (a.parts) store_column_sums(sums);
  }
  __device__ __forceinline__ void store_column_sums(const float (&sums)[kConsumerUnits][kUnit]) const {
    float* const part = a.parts + int64_t(first) * a.parts_ld + base;
#pragma unroll
    for (int k = 0; k < kConsumerUnits; ++k) {
      const int c = (int(threadIdx.x) + k * kConsumerThreads) * kUnit;
      if (has(k) && c < classes) store_unit(part + c, classes - c, true, sums[k]);
    }
  }
};

}  // namespace encore::cuda
