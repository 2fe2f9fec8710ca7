// Shared by the kernels of the cross-entropy (kernels/ops/cross_entropy.h): arguments, biased logits, the largest logit
// of a block. Names: u = logit + bias; row_max = max u; row_sum = sum of exp(u - row_max) over the classes.
#pragma once

#include "kernels/cuda/rows/sums.cuh"

namespace encore::cuda {

template <class T>
struct CrossEntropyArgs {
  Rows<T> logits;
  Rows<const float> bias;  // data null: absent
  const int32_t* labels;
  const int32_t* live;  // rows from *live on have no label; null: all rows have one
  const float* grad_scale;
  float* row_loss;
  float *row_max, *row_rsum;  // out: largest logit; 1 / row sum, the row sum being that of exp(u - row_max)
  int32_t* row_correct;       // out
  float* parts;  // [blocks][parts_ld]: column sums of the gradient over each block's rows; null: not wanted
  int64_t rows, cols, classes, rows_per_block;
  int64_t parts_ld;  // a multiple of 4
  bool gradient;
};

template <class T>
__device__ __forceinline__ int32_t label_of(const CrossEntropyArgs<T>& a, int64_t r) {
  return r < live_rows(a.live, a.rows) ? a.labels[r] : -1;
}

// A logit and its column.
struct ArgMax {
  float value;
  int32_t index;
};
// The larger; of equal logits the one of the smaller column.
__device__ __forceinline__ ArgMax larger(ArgMax a, ArgMax b) {
  return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
}
__device__ __forceinline__ float larger(float a, float b) {
  return fmaxf(a, b);
}

template <int kWarps>
struct CrossEntropyShared {
  ArgMax argmax[kWarps];
  float row_max[kWarps];
  float label_logit;
  int tied_before;  // some column before the label has the same logit
};

// Adds the bias to the logits of the unit at column c. Columns that are no class become -inf, whose exponential is 0.
// Returns how many columns of the unit are classes (0 or less: none).
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

__device__ __forceinline__ ArgMax shuffle_xor(ArgMax v, int bit) {
  return {__shfl_xor_sync(0xffffffffu, v.value, bit), __shfl_xor_sync(0xffffffffu, v.index, bit)};
}
__device__ __forceinline__ float shuffle_xor(float v, int bit) {
  return __shfl_xor_sync(0xffffffffu, v, bit);
}
// Every thread gets the largest V of the block. shared: one V a warp.
template <int kThreads, class V>
__device__ __forceinline__ V block_max(V mine, V* shared) {
#pragma unroll
  for (int bit = 16; bit > 0; bit /= 2) mine = larger(mine, shuffle_xor(mine, bit));
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = mine;
  __syncthreads();
  V all = shared[0];
#pragma unroll
  for (int w = 1; w < kThreads / 32; ++w) all = larger(all, shared[w]);
  return all;
}

// A row whose label is negative: no loss, no gradient, whatever its logits hold.
template <class T, int kThreads>
__device__ __forceinline__ void ignore_row(const CrossEntropyArgs<T>& a, int64_t r) {
  if (threadIdx.x == 0) a.row_loss[r] = 0, a.row_correct[r] = 0, a.row_max[r] = 0, a.row_rsum[r] = 0;
  if (!a.gradient) return;
  for (int64_t c = int64_t(threadIdx.x) * kUnit; c < a.cols; c += kThreads * kUnit)
    store_zeros(a.logits.row(r) + c, int(a.cols - c), a.logits.wide);
}

}  // namespace encore::cuda
