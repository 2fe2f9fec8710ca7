// Embeddings + LayerNorm + dropout (kernels/ops/embedding.h). The gradient of a table is summed by segments of equal
// ids, in a fixed order and without atomics: two passes over dy, one in each table's order.
#pragma once

#include "kernels/cuda/rows/draws.cuh"
#include "kernels/cuda/rows/normalize.cuh"

namespace encore::cuda {

template <class T>
struct EmbeddingArgs {
  const int32_t *ids, *position_ids, *type_ids;  // type_ids null: all 0
  Rows<const T> word, position, type;
  Rows<const float> gamma, beta;
  Rows<T> y;  // backward: dy
  float *mean, *rstd;
  float eps;
  float* parts;  // backward: [blocks][2 + types][cols]: dgamma, dbeta, dtype
  float* means;  // backward: [rows][2]: of g and of g xhat (rows/normalize.cuh)
  int types;
  const int32_t* live;  // null: every token counts
  int64_t rows, cols;
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

// REQUIRES: cols <= 8 kThreads kUnits.
// Warps: kThreads threads have one token: a warp (four tokens a block), or a whole block. Thread t has the units t, t +
//   kThreads, ...
// Shared memory: the row's sums, where a block has one token (rows/sums.cuh); none where a warp has it.
// Pipeline: the three tables' loads of a unit are in flight together; a block waits twice for its sums, a warp never.
// Invariants: a thread's units cover its columns of the row (REQUIRES above); spare tokens get zeros, mean and rstd
//   too.
// Numbers: four units a thread let a warp hold 1,024 columns in 72 to 79 registers (bench/kernels/cost.md).
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

// The gradient of one table: dtable[row[s]] += the gradient of the sum over the tokens of segment s. Blocks take equal
// shares of the tokens in the table's order. A segment that lies within one share is added to its row at once; of a
// segment that several shares cut, each block leaves its partial sum in `edges`, and edge_kernel adds them up.
struct TableGradient {
  const int32_t *order, *start, *row;
  int64_t segments, padding_row;
  Rows<float> dtable;
  float* edges;       // [blocks][2][cols]: sums of the segment that began in an earlier share, and of the one that a
                      // later share continues
  int32_t* edge_row;  // [blocks][2]: their rows; -1: none
  int64_t tokens_per_block;
};

// The segment of token i of the order, 0 <= i < live: the last one in use that starts no later.
__device__ __forceinline__ int64_t find_segment(const TableGradient& t, int64_t i) {
  const int lane = int(threadIdx.x) % 32;
  int64_t first = 0, count = t.segments;
  while (count > 1) {
    const int64_t step = (count + 31) / 32, probe = lane * step;
    const bool before = probe < count && t.row[first + probe] >= 0 && t.start[first + probe] <= i;
    const int64_t passed = (__popc(__ballot_sync(0xffffffffu, before)) - 1) * step;
    first += passed;
    count = step < count - passed ? step : count - passed;
  }
  return first;
}

// Sums over the segments that a block's share of the tokens touches; a thread has the unit of columns at c.
class SegmentSums {
 public:
  __device__ __forceinline__ SegmentSums(const TableGradient& t, int64_t begin, int64_t end, int64_t cols, int64_t c)
      : t_(t), begin_(begin), end_(end), cols_(cols), c_(c) {
    if (threadIdx.x == 0) t.edge_row[2 * blockIdx.x] = t.edge_row[2 * blockIdx.x + 1] = -1;
    if (begin >= end) return;
    segment_ = find_segment(t, begin);
    start_ = t.start[segment_], next_ = t.start[segment_ + 1];
  }
  // The tokens of the share, one after another.
  __device__ __forceinline__ void add(int64_t i, const float (&x)[kUnit]) {
    while (i >= next_) {
      finish();
      start_ = next_, next_ = t_.start[++segment_ + 1];
    }
#pragma unroll
    for (int j = 0; j < kUnit; ++j) sum_[j] += x[j];
  }
  // The current segment has no further token here. REQUIRES: begin < end.
  __device__ __forceinline__ void finish() {
    const int32_t row = t_.row[segment_];
    const int n = int(cols_ - c_);
    if (row != t_.padding_row && n > 0) {
      if (start_ >= begin_ && next_ <= end_) {
        float* const at = t_.dtable.row(row) + c_;
        float before[kUnit];
        load_unit(static_cast<const float*>(at), n, t_.dtable.wide, before);
#pragma unroll
        for (int j = 0; j < kUnit; ++j) sum_[j] += before[j];
        store_unit(at, n, t_.dtable.wide, sum_);
      } else {
        const int64_t edge = 2 * int64_t(blockIdx.x) + (start_ < begin_ ? 0 : 1);
        store_unit(t_.edges + edge * cols_ + c_, n, cols_ % 4 == 0, sum_);
        if (threadIdx.x == 0) t_.edge_row[edge] = row;
      }
    }
#pragma unroll
    for (int j = 0; j < kUnit; ++j) sum_[j] = 0;
  }

 private:
  const TableGradient& t_;
  int64_t begin_, end_, cols_, c_, segment_ = 0;
  int32_t start_ = 0, next_ = 0;
  float sum_[kUnit] = {};
};

// One table's gradient. The first of two such passes also gives dgamma, dbeta and dtype, and leaves the row means that
// the second needs, so that neither writes a tensor of [T, H].
// REQUIRES: cols <= 8 kThreads.
// Warps: a block has tokens_per_block tokens of the table's order, kRows at a time; a thread has the same unit of
//   columns of all of them, and keeps the sums over tokens in registers. dtype stays there while the tokens' type stays
//   the same, and is added to the block's part when it changes.
// Shared memory: in the first pass the row sums of g and g xhat of kRows tokens (rows/sums.cuh).
// Pipeline: the loads of kRows tokens are in flight together; one barrier serves their sums, whose buffers alternate.
//   The second pass has no barrier.
// Invariants: one thread adds to an element of a table at a time, in the tokens' order: rows of segments differ, and a
//   segment that blocks share goes through `edges`. The first pass's parts are zero before it starts.
// Numbers: 128 threads and 4 tokens at a time up to 1,024 columns, in 213 registers (first pass) or 152 (second), so
//   that two or three blocks reside on a multiprocessor (bench/kernels/cost.md); 512 threads and one token above.
template <class T, int kThreads, int kRows, bool kFirst>
__global__ void __launch_bounds__(kThreads) embedding_backward_kernel(EmbeddingArgs<T> a, TableGradient table) {
  const int thread = int(threadIdx.x);
  const int64_t c = int64_t(thread) * kUnit, live = live_rows(a.live, a.rows);
  const int64_t begin = int64_t(blockIdx.x) * table.tokens_per_block, past = begin + table.tokens_per_block;
  const int64_t end = past < live ? past : live;
  const int n = int(a.cols - c);
  const bool wide = a.cols % 4 == 0;
  float* const parts = a.parts + int64_t(blockIdx.x) * (2 + a.types) * a.cols + c;
  float gamma[kUnit], dgamma[kUnit] = {}, dbeta[kUnit] = {}, dtype[kUnit] = {};
  load_unit(a.gamma.data + c, n, a.gamma.wide, gamma);
  const auto add_type = [&](int type) {
    if (n <= 0) return;
    float* const part = parts + (2 + type) * a.cols;
    float sum[kUnit];
    load_unit(static_cast<const float*>(part), n, wide, sum);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) sum[i] += dtype[i], dtype[i] = 0;
    store_unit(part, n, wide, sum);
  };
  SegmentSums segments(table, begin, end, a.cols, c);
  int buffer = 0, type = a.type_ids && begin < end ? a.type_ids[table.order[begin]] : 0;
  for (int64_t first = begin; first < end; first += kRows, buffer ^= 1) {
    int32_t token[kRows];
    float g[kRows][kUnit], s[kRows][kUnit], means[2 * kRows] = {};
    Moments moments[kRows];
#pragma unroll
    for (int j = 0; j < kRows; ++j) {
      const bool there = first + j < end;
      token[j] = table.order[there ? first + j : begin];
      load_unit(static_cast<const T*>(a.y.row(token[j])) + c, there ? n : 0, a.y.wide, g[j]);
      table_sum(a, token[j], c, there ? n : 0, s[j]);
      moments[j] = {a.mean[token[j]], a.rstd[token[j]]};
      if constexpr (!kFirst) means[2 * j] = a.means[2 * token[j]], means[2 * j + 1] = a.means[2 * token[j] + 1];
    }
#pragma unroll
    for (int j = 0; j < kRows; ++j) {
      if (n > 0) drop(a.draws, draws_of_row(a.draws, token[j]), thread, g[j]);
      if constexpr (kFirst) gradient_terms(g[j], s[j], gamma, moments[j], means[2 * j], means[2 * j + 1]);
    }
    if constexpr (kFirst) block_sums<kThreads>(means, buffer);
#pragma unroll
    for (int j = 0; j < kRows; ++j) {
      if (first + j >= end) continue;
      if constexpr (kFirst) {
        means[2 * j] /= float(a.cols), means[2 * j + 1] /= float(a.cols);
        if (thread == 0) a.means[2 * token[j]] = means[2 * j], a.means[2 * token[j] + 1] = means[2 * j + 1];
      }
      gradient_of_sum(g[j], s[j], gamma, moments[j], means[2 * j], means[2 * j + 1], dgamma, dbeta);
      segments.add(first + j, g[j]);
      if constexpr (kFirst) {
        const int this_type = a.type_ids ? a.type_ids[token[j]] : 0;
        if (this_type != type) add_type(type), type = this_type;
#pragma unroll
        for (int i = 0; i < kUnit; ++i) dtype[i] += g[j][i];
      }
    }
  }
  if (begin < end) segments.finish();
  if constexpr (kFirst) {
    add_type(type);
    if (n <= 0) return;
    store_unit(parts, n, wide, dgamma);
    store_unit(parts + a.cols, n, wide, dbeta);
  }
}

inline constexpr int kEdgeThreads = 256;
// dtable[row] += the partial sums of every segment that blocks share.
// Warps: block (x, y) has the segment that begins in share x and does not end there, if any; a thread has one column.
// Shared memory: none.
// Pipeline: none: a share's part is added when it is read, in the order of the tokens.
// Invariants: the parts of a segment lie in neighbouring shares, so the first share of another row ends it.
__global__ void __launch_bounds__(kEdgeThreads) edge_kernel(TableGradient t, int64_t cols) {
  const int32_t row = t.edge_row[2 * blockIdx.x + 1];
  const int64_t c = int64_t(blockIdx.y) * kEdgeThreads + threadIdx.x;
  if (row < 0 || c >= cols) return;
  float sum = t.edges[(2 * int64_t(blockIdx.x) + 1) * cols + c];
  for (unsigned b = blockIdx.x + 1; b < gridDim.x && t.edge_row[2 * b] == row; ++b)
    sum += t.edges[2 * int64_t(b) * cols + c];
  t.dtable.row(row)[c] += sum;
}

}  // namespace encore::cuda
