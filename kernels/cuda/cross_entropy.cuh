// Masked softmax cross-entropy over gathered rows (kernels/ops/cross_entropy.h).
//
// A row is read once, stays on chip, and its gradient is written over it; the gradient's column sums for dbias, taken
// before rounding, stay on the multiprocessor that has the columns. Rows of up to 4,096 columns lie in a block's
// registers (cross_entropy_rows_kernel), bf16 rows of up to 204,800 in the shared memory of a cluster of blocks, where
// the card has clusters (Hopper) and padded rows are whole 16-byte words (cross_entropy_cluster_kernel). Others: a
// block has one row, in shared memory where it fits (cross_entropy_kernel), and with dbias the gradient is a second
// kernel over column tiles, which reads the logits again (cross_entropy_gradient_kernel).
#pragma once

#include <device/early_launch.cuh>

#include "kernels/cuda/column_parts.cuh"
#include "kernels/cuda/reduce.cuh"

namespace encore::cuda {

template <class T>
struct CrossEntropyArgs {
  Rows<T> logits;
  Rows<const float> bias;  // data null: absent
  const int32_t* labels;
  const int32_t* live;  // rows from *live on have no label; null: all rows have one
  const float* grad_scale;
  float* row_loss;
  float *row_max, *row_scale;  // out: largest logit, 1 / sum of exponentials
  int32_t* row_correct;        // out
  float* parts;                // column sums of blocks of rows; null: not wanted
  int64_t rows, cols, classes, rows_per_block;
  int64_t parts_ld;  // a multiple of 4
  bool gradient;
};

template <class T>
__device__ __forceinline__ int32_t label_of(const CrossEntropyArgs<T>& a, int64_t r) {
  return r < live_rows(a.live, a.rows) ? a.labels[r] : -1;
}

struct Best {
  float value;
  int32_t index;
};
// The larger, of equals the first.
__device__ __forceinline__ Best better(Best a, Best b) {
  return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
}

template <int kWarps>
struct CrossEntropyShared {
  Best best[kWarps];
  float most[kWarps];
  float of_label;
  int beaten;  // some column before the label has the same logit
};

// Adds the bias to the logits of the unit at column c; what is not there counts for nothing: -inf. Returns how many
// are.
template <class T>
__device__ __forceinline__ int add_bias(const CrossEntropyArgs<T>& a, int64_t c, float (&u)[kUnit]) {
  const int n = int(a.classes - c);
  if (a.bias.data && n > 0) {
    float bias[kUnit];
    load_unit(a.bias.data + c, n, a.bias.wide, bias);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) u[i] += bias[i];
  }
  if (n < kUnit) {
#pragma unroll
    for (int i = 0; i < kUnit; ++i)
      if (i >= n) u[i] = -INFINITY;
  }
  return n;
}
template <class T>
__device__ __forceinline__ int biased_unit(const CrossEntropyArgs<T>& a, const T* row, bool wide, int64_t c,
                                           float (&u)[kUnit]) {
  load_unit(row + c, int(a.classes - c), wide, u);
  return add_bias(a, c, u);
}

__device__ __forceinline__ float better(float a, float b) {
  return fmaxf(a, b);
}
__device__ __forceinline__ Best of_lane(Best mine, int bit) {
  return {__shfl_xor_sync(0xffffffffu, mine.value, bit), __shfl_xor_sync(0xffffffffu, mine.index, bit)};
}
__device__ __forceinline__ float of_lane(float mine, int bit) {
  return __shfl_xor_sync(0xffffffffu, mine, bit);
}
// The best of the block; shared: one for each warp.
template <int kThreads, class V>
__device__ __forceinline__ V block_best(V mine, V* shared) {
#pragma unroll
  for (int bit = 16; bit > 0; bit /= 2) mine = better(mine, of_lane(mine, bit));
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = mine;
  __syncthreads();
  V best = shared[0];
#pragma unroll
  for (int w = 1; w < kThreads / 32; ++w) best = better(best, shared[w]);
  return best;
}

// A row whose label is negative: no loss, no gradient, whatever its logits hold.
template <class T, int kThreads>
__device__ __forceinline__ void ignore_row(const CrossEntropyArgs<T>& a, int64_t r) {
  if (threadIdx.x == 0) a.row_loss[r] = 0, a.row_correct[r] = 0, a.row_max[r] = 0, a.row_scale[r] = 0;
  if (!a.gradient) return;
  for (int64_t c = int64_t(threadIdx.x) * kUnit; c < a.cols; c += kThreads * kUnit)
    store_zeros(a.logits.row(r) + c, int(a.cols - c), a.logits.wide);
}

// kStaged: the row fits in dynamic shared memory, 8-element units side by side; a thread reads there what it wrote.
template <class T, int kThreads, bool kStaged>
__global__ void __launch_bounds__(kThreads) cross_entropy_kernel(CrossEntropyArgs<T> a) {
  auto& shared = static_smem<CrossEntropyShared<kThreads / 32>>();
  T* const staged = kStaged ? dynamic_smem<T>() : nullptr;
  const int64_t r = blockIdx.x;
  const int32_t label = label_of(a, r);
  if (label < 0) return ignore_row<T, kThreads>(a, r);
  T* const row = a.logits.row(r);
  const int64_t first = int64_t(threadIdx.x) * kUnit;
  Best mine{-INFINITY, 0x7fffffff};
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
      mine = better(mine, {u[i], int32_t(c) + i});
      if (int32_t(c) + i == label) shared.of_label = u[i];
    }
  }
  const Best best = block_best<kThreads>(mine, shared.best);
  float sum[1] = {0};
  for (int64_t c = first; c < a.classes; c += kThreads * kUnit) {
    float u[kUnit];
    const int n = biased_unit(a, kStaged ? staged : row, kStaged || a.logits.wide, c, u);
#pragma unroll
    for (int i = 0; i < kUnit; ++i)
      if (i < n) sum[0] += expf(u[i] - best.value);
  }
  block_sums<kThreads>(sum, 0);
  const float scale = 1.f / sum[0];
  if (threadIdx.x == 0) {
    a.row_loss[r] = logf(sum[0]) + (best.value - shared.of_label);
    a.row_correct[r] = best.index == label;
    a.row_max[r] = best.value, a.row_scale[r] = scale;
  }
  if (!a.gradient) return;
  const float factor = *a.grad_scale;
  for (int64_t c = first; c < a.cols; c += kThreads * kUnit) {
    float u[kUnit];
    const int n = biased_unit(a, kStaged ? staged : row, kStaged || a.logits.wide, c, u);
#pragma unroll
    for (int i = 0; i < kUnit; ++i)
      u[i] = i < n ? (expf(u[i] - best.value) * scale - (int32_t(c) + i == label ? 1.f : 0.f)) * factor : 0.f;
    store_unit(row + c, int(a.cols - c), a.logits.wide, u);
  }
}

// The gradient over the logits, and its column sums over the block's rows.
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
      const float most = a.row_max[r], scale = a.row_scale[r];
      float u[kUnit];
      const int n = biased_unit(a, static_cast<const T*>(a.logits.row(r)), a.logits.wide, c, u);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) {
        u[i] = i < n && label >= 0 ? (expf(u[i] - most) * scale - (int32_t(c) + i == label ? 1.f : 0.f)) * factor : 0.f;
        sums[i] += u[i];
      }
      store_unit(a.logits.row(r) + c, int(a.cols - c), a.logits.wide, u);
    }
  }
  tile_sums(sums);
  if (warp == 0 && c < a.classes)
    store_unit(a.parts + int64_t(blockIdx.y) * a.parts_ld + c, int(a.classes - c), true, sums);
}

struct CrossEntropySums {
  const float* row_loss;
  const int32_t* row_correct;
  int64_t rows;
  double* loss;
  int64_t* correct;    // null: not wanted
  const float* parts;  // [count][classes], rows parts_ld apart
  int64_t count, classes, parts_ld;
  float* dbias;
};
struct LossSums {
  double loss[256];
  int64_t correct[256];
};
// The order hangs on a row's number alone: rows without a label behind the last one change no bit.
__device__ __forceinline__ void add_losses(const CrossEntropySums& a) {
  LossSums& sums = static_smem<LossSums>();
  const int t = int(threadIdx.x);
  double total = 0;
  int64_t right = 0;
#pragma unroll 8
  for (int64_t r = t; r < a.rows; r += 256) total += double(a.row_loss[r]), right += a.row_correct[r];
  sums.loss[t] = total, sums.correct[t] = right;
  for (int half = 128; half > 0; half /= 2) {
    __syncthreads();
    if (t < half) sums.loss[t] += sums.loss[t + half], sums.correct[t] += sums.correct[t + half];
  }
  if (t > 0) return;
  *a.loss += sums.loss[0];
  if (a.correct) *a.correct += sums.correct[0];
}
// The first block adds up the losses, each other one 32 columns of the bias gradient, if there are others.
// An early launch.
__global__ void __launch_bounds__(kCombineThreads) cross_entropy_sums_kernel(CrossEntropySums a) {
  ptx::wait_for_earlier_launches();
  if (blockIdx.x == 0) return add_losses(a);
  combine_columns(a.parts, a.count, a.parts_ld, a.classes, (int64_t(blockIdx.x) - 1) * kCombineColumns, a.dbias);
}

}  // namespace encore::cuda
