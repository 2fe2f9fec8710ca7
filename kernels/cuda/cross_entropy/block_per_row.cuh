// Cross-entropy of rows that lie neither in registers nor in a cluster (cross_entropy.cu says which): a block a row,
// and with dbias a second kernel over column tiles.
#pragma once

#include "kernels/cuda/cross_entropy/row.cuh"

namespace encore::cuda {

// Warps: a block has one row; thread t has the units t, t + kThreads, ...
// Shared memory: kStaged: the row (dynamic); the warps' largest logits and sums; the label's logit.
// Pipeline: largest logit, sum of exponentials, gradient; the block waits once for each of the first two. Each pass
//   reads the row from shared memory, or from global memory where it does not fit.
// Invariants: a thread reads only units of the staged row that it wrote itself, so the row needs no barrier. Logits are
//   overwritten only in the third pass, by the thread that read them.
// Numbers: 512 threads; for fp32 rows, which are compared and not trained, bank conflicts cost 46 % of the wavefronts
//   (bench/kernels/cost.md, note i).
template <class T, int kThreads, bool kStaged>
__global__ void __launch_bounds__(kThreads) cross_entropy_kernel(CrossEntropyArgs<T> a) {
  auto& shared = static_smem<CrossEntropyShared<kThreads / 32>>();
  T* const staged = kStaged ? dynamic_smem<T>() : nullptr;
  const int64_t r = blockIdx.x;
  const int32_t label = label_of(a, r);
  if (label < 0) return ignore_row<T, kThreads>(a, r);
  T* const row = a.logits.row(r);
  const int64_t first = int64_t(threadIdx.x) * kUnit;
  ArgMax mine{-INFINITY, 0x7fffffff};
  for (int64_t c = first; c < a.classes; c += kThreads * kUnit) {
    if constexpr (kStaged) {
      const Packed<T> unit = load_packed(row + c, int(a.classes - c), a.logits.wide);
#pragma unroll
      for (int i = 0; i < int(sizeof(T) / 2); ++i) reinterpret_cast<uint4*>(staged + c)[i] = unit.word[i];
    }
    float u[kUnit];
    biased_unit(a, kStaged ? staged : row, kStaged || a.logits.wide, c, u);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) {
      mine = larger(mine, {u[i], int32_t(c) + i});
      if (int32_t(c) + i == label) shared.label_logit = u[i];
    }
  }
  const ArgMax top = block_max<kThreads>(mine, shared.argmax);
  float row_sum[1] = {0};
  for (int64_t c = first; c < a.classes; c += kThreads * kUnit) {
    float u[kUnit];
    const int n = biased_unit(a, kStaged ? staged : row, kStaged || a.logits.wide, c, u);
#pragma unroll
    for (int i = 0; i < kUnit; ++i)
      if (i < n) row_sum[0] += expf(u[i] - top.value);
  }
  block_sums<kThreads>(row_sum, 0);
  const float rsum = 1.f / row_sum[0];
  if (threadIdx.x == 0) {
    a.row_loss[r] = logf(row_sum[0]) + (top.value - shared.label_logit);
    a.row_correct[r] = top.index == label;
    a.row_max[r] = top.value, a.row_rsum[r] = rsum;
  }
  if (!a.gradient) return;
  const float factor = *a.grad_scale;
  for (int64_t c = first; c < a.cols; c += kThreads * kUnit) {
    float u[kUnit];
    const int n = biased_unit(a, kStaged ? staged : row, kStaged || a.logits.wide, c, u);
#pragma unroll
    for (int i = 0; i < kUnit; ++i)
      u[i] = i < n ? (expf(u[i] - top.value) * rsum - (int32_t(c) + i == label ? 1.f : 0.f)) * factor : 0.f;
    store_unit(row + c, int(a.cols - c), a.logits.wide, u);
  }
}

// The gradient over the logits, and its column sums over the block's rows, from what cross_entropy_kernel left of a
// row.
// Warps: block (x, y) has column tile x (rows/sums.cuh) of the y-th rows_per_block rows; its four warps take every
//   fourth row, a lane 8 columns.
// Shared memory: the sums of warps 1 to 3 (3 KB).
// Pipeline: none: a row's units are loaded when they are needed.
// Invariants: a column's sum is taken in an order that depends on rows and rows_per_block alone.
// Numbers: reads the logits a second time: 1.5 times the bytes of the floor (bench/kernels/cost.md, note c).
template <class T>
__global__ void __launch_bounds__(kTileThreads) cross_entropy_gradient_kernel(CrossEntropyArgs<T> a) {
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int64_t c = int64_t(blockIdx.x) * kTileColumns + lane * kUnit;
  const int64_t begin = int64_t(blockIdx.y) * a.rows_per_block;
  const int64_t end = begin + a.rows_per_block < a.rows ? begin + a.rows_per_block : a.rows;
  const float factor = *a.grad_scale;
  float sums[kUnit] = {};
  if (c < a.cols) {
    for (int64_t r = begin + warp; r < end; r += kTileWarps) {
      const int32_t label = label_of(a, r);
      const float row_max = a.row_max[r], rsum = a.row_rsum[r];
      float u[kUnit];
      const int n = biased_unit(a, static_cast<const T*>(a.logits.row(r)), a.logits.wide, c, u);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) {
        u[i] =
            i < n && label >= 0 ? (expf(u[i] - row_max) * rsum - (int32_t(c) + i == label ? 1.f : 0.f)) * factor : 0.f;
        sums[i] += u[i];
      }
      store_unit(a.logits.row(r) + c, int(a.cols - c), a.logits.wide, u);
    }
  }
  tile_sums(sums);
  if (warp == 0 && c < a.classes)
    store_unit(a.parts + int64_t(blockIdx.y) * a.parts_ld + c, int(a.classes - c), true, sums);
}

}  // namespace encore::cuda
