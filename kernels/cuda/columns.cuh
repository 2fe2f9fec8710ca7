// Elementwise work with column sums: dx = f(dy, other, column) over [rows, cols] and the sums of dx over the rows of
// each block, in column tiles (reduce.cuh). GELU and tanh backward and the plain bias gradient are its uses.
#pragma once

#include "kernels/cuda/reduce.cuh"

namespace encore::cuda {

template <class T>
struct ColumnArgs {
  Rows<const T> dy, other;  // other.data null: f gets zeros
  Rows<const float> bias;   // data null: f gets zeros
  Rows<T> dx;               // data null: not wanted
  float* parts;             // [gridDim.y][cols], or null
  const int32_t* live;      // null: every row counts
  int64_t rows, cols, rows_per_block;
};

template <class T, class F>
__global__ void __launch_bounds__(kTileThreads) column_kernel(ColumnArgs<T> a) {
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int64_t c = int64_t(blockIdx.x) * kTileColumns + lane * kUnit;
  const int n = int(a.cols - c);
  const int64_t begin = int64_t(blockIdx.y) * a.rows_per_block;
  const int64_t end = begin + a.rows_per_block < a.rows ? begin + a.rows_per_block : a.rows;
  const int64_t live = live_rows(a.live, a.rows), live_end = live < end ? live : end;
  float sums[kUnit] = {}, bias[kUnit] = {};
  if (n > 0) {
    if (a.bias.data) load_unit(a.bias.data + c, n, a.bias.wide, bias);
#pragma unroll 4
    for (int64_t r = begin + warp; r < live_end; r += kTileWarps) {
      float dy[kUnit], other[kUnit] = {};
      load_unit(a.dy.row(r) + c, n, a.dy.wide, dy);
      if (a.other.data) load_unit(a.other.row(r) + c, n, a.other.wide, other);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) {
        dy[i] = F::gradient(dy[i], other[i] + bias[i]);
        sums[i] += dy[i];
      }
      if (a.dx.data) store_unit(a.dx.row(r) + c, n, a.dx.wide, dy);
    }
    if (a.dx.data)
      for (int64_t r = (begin > live ? begin : live) + warp; r < end; r += kTileWarps)
        store_zeros(a.dx.row(r) + c, n, a.dx.wide);
  }
  if (!a.parts) return;
  tile_sums(sums);
  if (warp == 0 && n > 0) store_unit(a.parts + int64_t(blockIdx.y) * a.cols + c, n, a.cols % 4 == 0, sums);
}

struct GeluGradient {
  // d/du [u/2 (1 + erf(u / sqrt 2))] = Phi(u) + u phi(u); erfc keeps the digits where 1 + erf cancels.
  static __device__ __forceinline__ float gradient(float dy, float u) {
    return dy * (0.5f * erfcf(-0.707106781f * u) + u * (0.398942280f * expf(-0.5f * u * u)));
  }
};
struct TanhGradient {
  static __device__ __forceinline__ float gradient(float dy, float y) { return dy * (1.f - y * y); }
};
struct PlainGradient {
  static __device__ __forceinline__ float gradient(float dy, float) { return dy; }
};

}  // namespace encore::cuda
