// Embeddings + LayerNorm + dropout (kernels/ops/embedding.h). The gradient of a table is summed by segments of equal
// ids, in a fixed order and without atomics.
#pragma once

#include "kernels/cuda/draws.cuh"
#include "kernels/cuda/norm.cuh"

namespace encore::cuda {

template <class T>
struct EmbeddingArgs {
  const int32_t *ids, *position_ids, *type_ids;  // type_ids null: all 0
  Rows<const T> word, position, type;
  Rows<const float> gamma, beta;
  Rows<T> y;  // backward: dy, and the gradient of the sum after it
  float *mean, *rstd;
  float eps;
  float* parts;  // backward: [blocks][2 + types][cols]: dgamma, dbeta, dtype
  int types;
  const int32_t* live;  // null: every token counts
  int64_t rows, cols, rows_per_block;
  RowDraws draws;
};

// word[id] + position[position_id] + type[type_id] of token r, the unit at column c.
template <class T>
__device__ __forceinline__ void table_sum(const EmbeddingArgs<T>& a, int64_t r, int64_t c, int n, float (&x)[kUnit]) {
  float p[kUnit], t[kUnit];
  load_unit(a.word.row(a.ids[r]) + c, n, a.word.wide, x);
  load_unit(a.position.row(a.position_ids[r]) + c, n, a.position.wide, p);
  load_unit(a.type.row(a.type_ids ? a.type_ids[r] : 0) + c, n, a.type.wide, t);
#pragma unroll
  for (int i = 0; i < kUnit; ++i) x[i] = x[i] + p[i] + t[i];
}

// kThreads threads a row: 32 (4 rows a block, no barrier), or a whole block. REQUIRES: cols <= 8 kThreads kUnits.
template <class T, int kThreads, int kUnits>
__global__ void __launch_bounds__(kThreads == 32 ? 128 : kThreads) embedding_forward_kernel(EmbeddingArgs<T> a) {
  constexpr int kRows = kThreads == 32 ? 4 : 1;
  const int thread = int(threadIdx.x) % kThreads;
  const int64_t r = int64_t(blockIdx.x) * kRows + int(threadIdx.x) / kThreads;
  if (r >= a.rows) return;
  if (r >= live_rows(a.live, a.rows)) {
    for (int64_t c = int64_t(thread) * kUnit; c < a.cols; c += kThreads * kUnit)
      store_zeros(a.y.row(r) + c, int(a.cols - c), a.y.wide);
    if (thread == 0) a.mean[r] = 0, a.rstd[r] = 0;
    return;
  }
  float x[kUnits][kUnit] = {};
#pragma unroll
  for (int k = 0; k < kUnits; ++k) {
    const int64_t c = int64_t(thread + k * kThreads) * kUnit;
    const int n = int(a.cols - c);
    if (n > 0) table_sum(a, r, c, n, x[k]);
  }
  const Moments m = row_moments<kThreads>(x, a.cols, thread, a.eps);
  if (thread == 0) a.mean[r] = m.mean, a.rstd[r] = m.rstd;
  const RowDraw keys = draws_of_row(a.draws, r);
#pragma unroll
  for (int k = 0; k < kUnits; ++k) {
    const int unit = thread + k * kThreads;
    const int64_t c = int64_t(unit) * kUnit;
    const int n = int(a.cols - c);
    if (n <= 0) continue;
    normalize(m, a.gamma, a.beta, c, n, x[k]);
    drop(a.draws, keys, unit, x[k]);
    store_unit(a.y.row(r) + c, n, a.y.wide, x[k]);
  }
}

// A block takes its rows one after another; a thread owns its columns throughout. dtype stays in registers while the
// type of the tokens stays the same, and goes to the block's part when it changes.
template <class T, int kThreads, int kUnits>
__global__ void __launch_bounds__(kThreads) embedding_backward_kernel(EmbeddingArgs<T> a) {
  const int thread = int(threadIdx.x);
  const int64_t begin = int64_t(blockIdx.x) * a.rows_per_block;
  const int64_t last = begin + a.rows_per_block < a.rows ? begin + a.rows_per_block : a.rows;
  const int64_t live = live_rows(a.live, a.rows), end = live < last ? live : last;
  float* const parts = a.parts + int64_t(blockIdx.x) * (2 + a.types) * a.cols;
  const bool wide = a.cols % 4 == 0;
  float dgamma[kUnits][kUnit] = {}, dbeta[kUnits][kUnit] = {}, dtype[kUnits][kUnit] = {};
  const auto add_type = [&](int type) {
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int64_t c = int64_t(thread + k * kThreads) * kUnit;
      const int n = int(a.cols - c);
      if (n <= 0) continue;
      float* part = parts + (2 + type) * a.cols + c;
      float sum[kUnit];
      load_unit(static_cast<const float*>(part), n, wide, sum);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) sum[i] += dtype[k][i], dtype[k][i] = 0;
      store_unit(part, n, wide, sum);
    }
  };
  int turn = 0, type = a.type_ids && begin < end ? a.type_ids[begin] : 0;
  for (int64_t r = begin; r < end; ++r, turn ^= 1) {
    const int this_type = a.type_ids ? a.type_ids[r] : 0;
    if (this_type != type) add_type(type), type = this_type;
    const Moments m{a.mean[r], a.rstd[r]};
    const RowDraw keys = draws_of_row(a.draws, r);
    float g[kUnits][kUnit] = {}, s[kUnits][kUnit] = {}, gamma[kUnits][kUnit] = {}, sums[2] = {0, 0};
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int unit = thread + k * kThreads;
      const int64_t c = int64_t(unit) * kUnit;
      const int n = int(a.cols - c);
      if (n <= 0) continue;
      load_unit(static_cast<const T*>(a.y.row(r)) + c, n, a.y.wide, g[k]);
      drop(a.draws, keys, unit, g[k]);
      table_sum(a, r, c, n, s[k]);
      load_unit(a.gamma.data + c, n, a.gamma.wide, gamma[k]);
      gradient_terms(g[k], s[k], gamma[k], m, sums[0], sums[1]);
    }
    block_sums<kThreads>(sums, turn);
#pragma unroll
    for (int k = 0; k < kUnits; ++k) {
      const int64_t c = int64_t(thread + k * kThreads) * kUnit;
      const int n = int(a.cols - c);
      if (n <= 0) continue;
      gradient_of_sum(g[k], s[k], gamma[k], m, sums[0] / float(a.cols), sums[1] / float(a.cols), dgamma[k], dbeta[k]);
      store_unit(a.y.row(r) + c, n, a.y.wide, g[k]);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) dtype[k][i] += g[k][i];
    }
  }
  add_type(type);
  for (int64_t r = begin > live ? begin : live; r < last; ++r)
    for (int64_t c = int64_t(thread) * kUnit; c < a.cols; c += kThreads * kUnit)
      store_zeros(a.y.row(r) + c, int(a.cols - c), a.y.wide);
#pragma unroll
  for (int k = 0; k < kUnits; ++k) {
    const int64_t c = int64_t(thread + k * kThreads) * kUnit;
    const int n = int(a.cols - c);
    if (n <= 0) continue;
    store_unit(parts + c, n, wide, dgamma[k]);
    store_unit(parts + a.cols + c, n, wide, dbeta[k]);
  }
}

struct SegmentArgs {
  const int32_t *order, *start, *row;
  int64_t padding_row;
};

// table[row[s]] += the rows of d that segment s names: a block a segment and 256 columns.
template <class T>
__global__ void __launch_bounds__(kTileThreads)
    segment_kernel(Rows<const T> d, SegmentArgs s, Rows<float> table, int64_t cols) {
  const int64_t target = s.row[blockIdx.x];
  if (target == s.padding_row || target < 0) return;
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int64_t c = int64_t(blockIdx.y) * kTileColumns + lane * kUnit;
  const int n = int(cols - c);
  float sums[kUnit] = {};
  if (n > 0) {
    const int32_t end = s.start[blockIdx.x + 1];
#pragma unroll 4
    for (int32_t i = s.start[blockIdx.x] + warp; i < end; i += kTileWarps) {
      float x[kUnit];
      load_unit(d.row(s.order[i]) + c, n, d.wide, x);
#pragma unroll
      for (int j = 0; j < kUnit; ++j) sums[j] += x[j];
    }
  }
  tile_sums(sums);
  if (warp > 0 || n <= 0) return;
  float* const at = table.row(target) + c;
  float before[kUnit];
  load_unit(static_cast<const float*>(at), n, table.wide, before);
#pragma unroll
  for (int j = 0; j < kUnit; ++j) sums[j] += before[j];
  store_unit(at, n, table.wide, sums);
}

}  // namespace encore::cuda
