// Bias + dropout + residual + LayerNorm (kernels/ops/layernorm.h), for rows of any width and alignment and for fp32.
// bf16 rows of up to 1,024 whole units have kernels of their own (layernorm_warp.cuh).
#pragma once

#include "kernels/cuda/rows/draws.cuh"
#include "kernels/cuda/rows/normalize.cuh"

namespace encore::cuda {

template <class T>
struct LayerNormForwardArgs {
  Rows<const T> x, residual;            // residual.data null: absent
  Rows<const float> bias, gamma, beta;  // bias.data null: absent
  Rows<T> sum, y;
  float *mean, *rstd;
  float eps;
  const int32_t* live;  // null: every row counts
  int64_t rows, cols;
  RowDraws draws;
};

// REQUIRES: cols <= 8 kThreads kUnits.
// Warps: kThreads threads have one row: a warp (four rows a block), or a whole block. Thread t has the units t, t +
//   kThreads, ... and keeps them in registers from the load to the normalised row.
// Shared memory: the row's sums, where a block has one row (rows/sums.cuh); none where a warp has it.
// Pipeline: load and add, mean, centred squares, normalise; a block waits twice for its sums, a warp never.
// Invariants: a thread's units cover its columns of the row (REQUIRES above); spare rows get zeros, mean and rstd too.
// Numbers: three units a thread let a warp hold 768 columns in 60 to 64 registers (bench/kernels/cost.md).
template <class T, int kThreads, int kUnits>
__global__ void __launch_bounds__(kThreads == 32 ? 128 : kThreads) layernorm_forward_kernel(LayerNormForwardArgs<T> a) {
  constexpr int kRows = kThreads == 32 ? 4 : 1;
  const int thread = int(threadIdx.x) % kThreads;
  const int64_t r = int64_t(blockIdx.x) * kRows + int(threadIdx.x) / kThreads;
  if (r >= a.rows) return;
  if (r >= live_rows(a.live, a.rows)) {
    for (int64_t c = int64_t(thread) * kUnit; c < a.cols; c += kThreads * kUnit) {
      store_zeros(a.sum.row(r) + c, int(a.cols - c), a.sum.wide);
      store_zeros(a.y.row(r) + c, int(a.cols - c), a.y.wide);
    }
    if (thread == 0) a.mean[r] = 0, a.rstd[r] = 0;
    return;
  }
  const RowDraw keys = draws_of_row(a.draws, r);
  float x[kUnits][kUnit];
#pragma unroll
  for (int k = 0; k < kUnits; ++k) {
    const int unit = thread + k * kThreads;
    const int64_t c = int64_t(unit) * kUnit;
    const int n = int(a.cols - c);
    if (n <= 0) {
#pragma unroll
      for (int i = 0; i < kUnit; ++i) x[k][i] = 0;
      continue;
    }
    load_unit(a.x.row(r) + c, n, a.x.wide, x[k]);
    if (a.bias.data) {
      float bias[kUnit];
      load_unit(a.bias.data + c, n, a.bias.wide, bias);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) x[k][i] += bias[i];
    }
    drop(a.draws, keys, unit, x[k]);
    if (a.residual.data) {
      float residual[kUnit];
      load_unit(a.residual.row(r) + c, n, a.residual.wide, residual);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) x[k][i] += residual[i];
    }
    store_unit(a.sum.row(r) + c, n, a.sum.wide, x[k]);
  }
  const Moments m = row_moments<kThreads>(x, a.cols, thread, a.eps);
  if (thread == 0) a.mean[r] = m.mean, a.rstd[r] = m.rstd;
#pragma unroll
  for (int k = 0; k < kUnits; ++k) {
    const int64_t c = int64_t(thread + k * kThreads) * kUnit;
    const int n = int(a.cols - c);
    if (n <= 0) continue;
    normalize(m, a.gamma, a.beta, c, n, x[k]);
    store_unit(a.y.row(r) + c, n, a.y.wide, x[k]);
  }
}

template <class T>
struct LayerNormBackwardArgs {
  Rows<const T> dy, sum;
  Rows<const float> gamma;
  const float *mean, *rstd;
  Rows<T> dsum, dx;  // data null: not wanted
  float* parts;      // [blocks][sums][cols]: dgamma, dbeta and, with 3 sums, dbias
  int sums;
  const int32_t* live;  // null: every row counts
  int64_t rows, cols, rows_per_block;
  RowDraws draws;
};

// A thread's columns of the block's parts.
template <class T, int kThreads, int kUnits>
__device__ __forceinline__ void store_partial_sums(const LayerNormBackwardArgs<T>& a, int thread,
                                                   const float (&dgamma)[kUnits][kUnit],
                                                   const float (&dbeta)[kUnits][kUnit],
                                                   const float (&dbias)[kUnits][kUnit]) {
#pragma unroll
  for (int k = 0; k < kUnits; ++k) {
    const int64_t c = int64_t(thread + k * kThreads) * kUnit;
    const int n = int(a.cols - c);
    if (n <= 0) continue;
    float* part = a.parts + int64_t(blockIdx.x) * a.sums * a.cols + c;
    const bool wide = a.cols % 4 == 0;
    store_unit(part, n, wide, dgamma[k]);
    store_unit(part + a.cols, n, wide, dbeta[k]);
    if (a.sums == 3) store_unit(part + 2 * a.cols, n, wide, dbias[k]);
  }
}

// Warps: a block has rows_per_block rows, kRows at a time; a thread has the same columns of all of them, so that the
//   sums over rows (dgamma, dbeta, dbias) stay in its registers until the end.
// Shared memory: the row sums of g and g xhat of kRows rows (rows/sums.cuh).
// Pipeline: the loads of kRows rows are in flight together, and one barrier serves their sums; the buffers of the sums
//   alternate.
// Invariants: `parts` is written whole, also by a block whose rows are all spare. dsum may lie over dy: a row is in
//   registers before it is overwritten.
// Numbers: 128 threads and 4 rows at a time up to 1,024 columns, where the rows take 162 registers in fp32
//   (bench/kernels/cost.md); 512 threads and one row above.
template <class T, int kThreads, int kUnits, int kRows>
__global__ void __launch_bounds__(kThreads) layernorm_backward_kernel(LayerNormBackwardArgs<T> a) {
  const int thread = int(threadIdx.x);
  const int64_t begin = int64_t(blockIdx.x) * a.rows_per_block;
  const int64_t last = begin + a.rows_per_block < a.rows ? begin + a.rows_per_block : a.rows;
  const int64_t live = live_rows(a.live, a.rows), end = live < last ? live : last;
  float dgamma[kUnits][kUnit] = {}, dbeta[kUnits][kUnit] = {}, dbias[kUnits][kUnit] = {};
  int buffer = 0;
  for (int64_t first = begin; first < end; first += kRows, buffer ^= 1) {
    Packed<T> dy[kRows][kUnits], sum[kRows][kUnits];
    Moments moments[kRows];
    float sums[2 * kRows] = {};
#pragma unroll
    for (int j = 0; j < kRows; ++j) {
      const bool there = first + j < end;
      moments[j] = there ? Moments{a.mean[first + j], a.rstd[first + j]} : Moments{0, 0};
#pragma unroll
      for (int k = 0; k < kUnits; ++k) {
        const int64_t c = int64_t(thread + k * kThreads) * kUnit;
        const int n = there ? int(a.cols - c) : 0;
        dy[j][k] = load_packed(a.dy.row(first + j) + c, n, a.dy.wide);
        sum[j][k] = load_packed(a.sum.row(first + j) + c, n, a.sum.wide);
      }
    }
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int64_t c = int64_t(thread + k * kThreads) * kUnit;
      float gamma[kUnit];
      load_unit(a.gamma.data + c, int(a.cols - c), a.gamma.wide, gamma);
#pragma unroll
      for (int j = 0; j < kRows; ++j) {
        float g[kUnit], s[kUnit];
        unpack(dy[j][k], g);
        unpack(sum[j][k], s);
        gradient_terms(g, s, gamma, moments[j], sums[2 * j], sums[2 * j + 1]);
      }
    }
    block_sums<kThreads>(sums, buffer);
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int unit = thread + k * kThreads;
      const int64_t c = int64_t(unit) * kUnit;
      const int n = int(a.cols - c);
      if (n <= 0) continue;
      float gamma[kUnit];
      load_unit(a.gamma.data + c, n, a.gamma.wide, gamma);
#pragma unroll
      for (int j = 0; j < kRows; ++j) {
        if (first + j >= end) continue;
        float g[kUnit], s[kUnit];
        unpack(dy[j][k], g);
        unpack(sum[j][k], s);
        gradient_of_sum(g, s, gamma, moments[j], sums[2 * j] / float(a.cols), sums[2 * j + 1] / float(a.cols),
                        dgamma[k], dbeta[k]);
        if (a.dsum.data) store_unit(a.dsum.row(first + j) + c, n, a.dsum.wide, g);
        if (!a.dx.data && a.sums < 3) continue;
        drop(a.draws, draws_of_row(a.draws, first + j), unit, g);
        if (a.dx.data) store_unit(a.dx.row(first + j) + c, n, a.dx.wide, g);
#pragma unroll
        for (int i = 0; i < kUnit; ++i) dbias[k][i] += g[i];
      }
    }
  }
  for (int64_t r = begin > live ? begin : live; r < last; ++r)
    for (int64_t c = int64_t(thread) * kUnit; c < a.cols; c += kThreads * kUnit) {
      if (a.dsum.data) store_zeros(a.dsum.row(r) + c, int(a.cols - c), a.dsum.wide);
      if (a.dx.data) store_zeros(a.dx.row(r) + c, int(a.cols - c), a.dx.wide);
    }
  store_partial_sums<T, kThreads>(a, thread, dgamma, dbeta, dbias);
}

}  // namespace encore::cuda
