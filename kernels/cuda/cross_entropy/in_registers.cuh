// Cross-entropy of rows that lie in the registers of a block (cross_entropy.cu says which).
#pragma once

#include <device/mma.cuh>

#include "kernels/cuda/cross_entropy/row.cuh"

namespace encore::cuda {

// exp(x): one instruction where the result is rounded to bf16, the library's in fp32.
template <class T>
__device__ __forceinline__ float exponential(float x) {
  return sizeof(T) == 2 ? ptx::exp2_approx(1.44269504f * x) : expf(x);
}

// The online softmax (see online_softmax.cuh) of the units that a thread has seen, and the first unit with the largest
// logit.
struct UnitSoftmax {
  float row_max, row_sum;
  int unit;
  template <class T>
  __device__ __forceinline__ void add(const float (&u)[kUnit], int k) {
    const float largest =
        fmaxf(fmaxf(fmaxf(u[0], u[1]), fmaxf(u[2], u[3])), fmaxf(fmaxf(u[4], u[5]), fmaxf(u[6], u[7])));
    const float before = row_max;
    if (largest > row_max) row_max = largest, unit = k;
    const float offset = row_max == -INFINITY ? 0.f : row_max;
    float e[kUnit];
#pragma unroll
    for (int i = 0; i < kUnit; ++i) e[i] = exponential<T>(u[i] - offset);
    row_sum =
        row_sum * exponential<T>(before - offset) + (((e[0] + e[1]) + (e[2] + e[3])) + ((e[4] + e[5]) + (e[6] + e[7])));
  }
};

// REQUIRES: cols <= 8 kThreads kUnits.
// Warps: a block has rows_per_block rows, one at a time; thread t has the units t, t + kThreads, ... of every row in
//   registers, and their column sums until the end.
// Shared memory: the warps' row_max and row_sum, the label's logit, and whether a column before it has the same.
// Pipeline: load a row, its online softmax, row_max of the block (barrier), row_sum (barrier), gradient. The next row's
//   shared sums lie in the other buffer (rows/sums.cuh), so that no third barrier ends a row.
// Invariants: shared.label_logit is written by the label's thread before the first barrier and read after it; the next
//   row's write comes after the second barrier, when all have read it. Of equal largest logits the first column wins.
// Numbers: 128 threads of four units hold 4,096 columns; blocks of at least 16 rows, four a multiprocessor, keep the
//   parts of the column sums small (cross_entropy.cu).
template <class T, int kThreads, int kUnits>
__global__ void __launch_bounds__(kThreads) cross_entropy_rows_kernel(CrossEntropyArgs<T> a) {
  auto& shared = static_smem<CrossEntropyShared<kThreads / 32>>();
  const int begin = int(blockIdx.x) * int(a.rows_per_block);
  const int end = begin + int(a.rows_per_block) < int(a.rows) ? begin + int(a.rows_per_block) : int(a.rows);
  const float factor = a.gradient ? *a.grad_scale : 0.f;
  float sums[kUnits][kUnit] = {};
  int buffer = 0;
  for (int r = begin; r < end; ++r) {
    const int32_t label = label_of(a, r);
    if (label < 0) {
      ignore_row<T, kThreads>(a, r);
      continue;
    }
    T* const row = a.logits.row(r);
    Packed<T> held[kUnits];
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int c = (int(threadIdx.x) + k * kThreads) * kUnit;
      held[k] = load_packed(static_cast<const T*>(row) + c, int(a.classes) - c, a.logits.wide);
    }
    if (threadIdx.x == 0) shared.tied_before = 0;
    // Two independent chains, so that the exponentials of one overlap those of the other.
    UnitSoftmax running[2] = {{-INFINITY, 0, 0}, {-INFINITY, 0, 0}};
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int c = (int(threadIdx.x) + k * kThreads) * kUnit;
      if (c >= int(a.classes)) continue;
      float u[kUnit];
      unpack(held[k], u);
      add_bias(a, c, u);
      if (unsigned(label - c) < unsigned(kUnit)) {
#pragma unroll
        for (int i = 0; i < kUnit; ++i)
          if (c + i == label) shared.label_logit = u[i];
      }
      running[k % 2].template add<T>(u, k);
    }
    const float mine = fmaxf(running[0].row_max, running[1].row_max);
    const float row_max = block_max<kThreads>(mine, shared.row_max);
    const float label_logit = shared.label_logit, offset = row_max == -INFINITY ? 0.f : row_max;
    float row_sum[1] = {0};
#pragma unroll
    for (int i = 0; i < 2; ++i) row_sum[0] += running[i].row_sum * exponential<T>(running[i].row_max - offset);
    // The label loses against an equal logit of a smaller column.
    if (label_logit == row_max && mine == row_max) {
#pragma unroll
      for (int k = 0; k < kUnits; ++k) {
        const int c = (int(threadIdx.x) + k * kThreads) * kUnit;
        if (c > label || running[k % 2].row_max != row_max || running[k % 2].unit != k) continue;
        float u[kUnit];
        unpack(held[k], u);
        add_bias(a, c, u);
#pragma unroll
        for (int i = 0; i < kUnit; ++i)
          if (c + i < label && u[i] == row_max) shared.tied_before = 1;
      }
    }
    block_sums<kThreads>(row_sum, buffer);
    buffer ^= 1;
    if (threadIdx.x == 0) {
      a.row_loss[r] = logf(row_sum[0]) + (row_max - label_logit);
      a.row_correct[r] = label_logit == row_max && !shared.tied_before;
    }
    if (!a.gradient) continue;
    const float scale = 1.f / row_sum[0] * factor;
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int c = (int(threadIdx.x) + k * kThreads) * kUnit;
      if (c >= int(a.cols)) continue;
      float u[kUnit];
      unpack(held[k], u);
      add_bias(a, c, u);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) u[i] = exponential<T>(u[i] - row_max) * scale;
      if (unsigned(label - c) < unsigned(kUnit)) {
#pragma unroll
        for (int i = 0; i < kUnit; ++i)
          if (c + i == label) u[i] -= factor;
      }
      store_unit(row + c, int(a.cols) - c, a.logits.wide, u);
      if (!a.parts) continue;
#pragma unroll
      for (int i = 0; i < kUnit; ++i) sums[k][i] += u[i];
    }
  }
  if (!a.parts) return;
#pragma unroll
  for (int k = 0; k < kUnits; ++k) {
    const int c = (int(threadIdx.x) + k * kThreads) * kUnit;
    if (c >= int(a.classes)) continue;
    store_unit(a.parts + int64_t(blockIdx.x) * a.parts_ld + c, int(a.classes) - c, true, sums[k]);
  }
}

}  // namespace encore::cuda
