// Cross-entropy of short rows, which lie in the registers of a block (cross_entropy.cuh says which).
#pragma once

#include <device/mma.cuh>

#include "kernels/cuda/cross_entropy.cuh"

namespace encore::cuda {

// exp for what is rounded to bf16 anyway, and for fp32.
template <class T>
__device__ __forceinline__ float exponential(float x) {
  return sizeof(T) == 2 ? ptx::exp2_approx(1.44269504f * x) : expf(x);
}

// Largest logit and sum of exponentials of the units a thread has met, relative to it; and which unit had it first.
struct RunningSum {
  float most, sum;
  int unit;
  template <class T>
  __device__ __forceinline__ void add(const float (&u)[kUnit], int k) {
    const float largest =
        fmaxf(fmaxf(fmaxf(u[0], u[1]), fmaxf(u[2], u[3])), fmaxf(fmaxf(u[4], u[5]), fmaxf(u[6], u[7])));
    const float before = most;
    if (largest > most) most = largest, unit = k;
    const float offset = most == -INFINITY ? 0.f : most;
    float e[kUnit];
#pragma unroll
    for (int i = 0; i < kUnit; ++i) e[i] = exponential<T>(u[i] - offset);
    sum = sum * exponential<T>(before - offset) + (((e[0] + e[1]) + (e[2] + e[3])) + ((e[4] + e[5]) + (e[6] + e[7])));
  }
};

// A thread has the units thread + k kThreads of every row, and their column sums. REQUIRES: cols <= 8 kThreads kUnits.
template <class T, int kThreads, int kUnits>
__global__ void __launch_bounds__(kThreads) cross_entropy_rows_kernel(CrossEntropyArgs<T> a) {
  auto& shared = static_smem<CrossEntropyShared<kThreads / 32>>();
  const int begin = int(blockIdx.x) * int(a.rows_per_block);
  const int end = begin + int(a.rows_per_block) < int(a.rows) ? begin + int(a.rows_per_block) : int(a.rows);
  const float factor = a.gradient ? *a.grad_scale : 0.f;
  float sums[kUnits][kUnit] = {};
  int turn = 0;
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
    if (threadIdx.x == 0) shared.beaten = 0;
    // Two chains, so that one's exponentials hide the other's.
    RunningSum running[2] = {{-INFINITY, 0, 0}, {-INFINITY, 0, 0}};
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
          if (c + i == label) shared.of_label = u[i];
      }
      running[k % 2].template add<T>(u, k);
    }
    const float mine = fmaxf(running[0].most, running[1].most);
    const float most = block_best<kThreads>(mine, shared.most);
    const float of_label = shared.of_label, offset = most == -INFINITY ? 0.f : most;
    float sum[1] = {0};
#pragma unroll
    for (int i = 0; i < 2; ++i) sum[0] += running[i].sum * exponential<T>(running[i].most - offset);
    // Of equal largest logits the first counts.
    if (of_label == most && mine == most) {
#pragma unroll
      for (int k = 0; k < kUnits; ++k) {
        const int c = (int(threadIdx.x) + k * kThreads) * kUnit;
        if (c > label || running[k % 2].most != most || running[k % 2].unit != k) continue;
        float u[kUnit];
        unpack(held[k], u);
        add_bias(a, c, u);
#pragma unroll
        for (int i = 0; i < kUnit; ++i)
          if (c + i < label && u[i] == most) shared.beaten = 1;
      }
    }
    block_sums<kThreads>(sum, turn);
    turn ^= 1;
    if (threadIdx.x == 0) {
      a.row_loss[r] = logf(sum[0]) + (most - of_label);
      a.row_correct[r] = of_label == most && !shared.beaten;
    }
    if (!a.gradient) continue;
    const float scale = 1.f / sum[0] * factor;
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int c = (int(threadIdx.x) + k * kThreads) * kUnit;
      if (c >= int(a.cols)) continue;
      float u[kUnit];
      unpack(held[k], u);
      add_bias(a, c, u);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) u[i] = exponential<T>(u[i] - most) * scale;
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
