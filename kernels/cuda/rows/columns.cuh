// Elementwise work with column sums: dx = f(dy, other + bias) over [rows, cols], and the sums of dx over the rows of
// each block. An op (tanh.cuh, for instance) gives its f as a struct with a static gradient<T>(dy, other).
#pragma once

#include <device/early_launch.cuh>

#include "kernels/cuda/rows/sums.cuh"

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

// Rows of a warp whose loads are in flight together.
inline constexpr int kColumnRows = 4;

// Warps: block (x, y) has column tile x (rows/sums.cuh) of the y-th rows_per_block rows; its four warps take every
//   fourth row, a lane 8 columns.
// Shared memory: the sums of warps 1 to 3 (3 KB), which warp 0 adds to its own and writes to `parts`.
// Pipeline: a warp loads four of its rows before it computes the first. The launch that adds the parts up may start
//   once all blocks have only their sums left to write (allow_next_launch).
// Invariants: a column's sum is taken in an order that depends on rows and rows_per_block alone. dx may be dy: a thread
//   loads what it overwrites first.
// Numbers: four rows of two operands in flight take 118 registers in bf16 (bench/kernels/cost.md); GELU backward moves
//   2.69 TB/s on an H100 (docs/performance.md).
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
    for (int64_t first = begin + warp; first < live_end; first += kTileWarps * kColumnRows) {
      Packed<T> dy[kColumnRows], other[kColumnRows];
#pragma unroll
      for (int k = 0; k < kColumnRows; ++k) {
        const int64_t r = first + k * kTileWarps;
        const int there = r < live_end ? n : 0;
        dy[k] = load_packed(a.dy.row(r) + c, there, a.dy.wide);
        other[k] = load_packed(a.other.row(r) + c, a.other.data ? there : 0, a.other.wide);
      }
#pragma unroll
      for (int k = 0; k < kColumnRows; ++k) {
        const int64_t r = first + k * kTileWarps;
        if (r >= live_end) break;
        float d[kUnit], of[kUnit];
        unpack(dy[k], d);
        unpack(other[k], of);
#pragma unroll
        for (int i = 0; i < kUnit; ++i) {
          d[i] = F::template gradient<T>(d[i], of[i] + bias[i]);
          sums[i] += d[i];
        }
        if (a.dx.data) store_unit(a.dx.row(r) + c, n, a.dx.wide, d);
      }
    }
    if (a.dx.data)
      for (int64_t r = (begin > live ? begin : live) + warp; r < end; r += kTileWarps)
        store_zeros(a.dx.row(r) + c, n, a.dx.wide);
  }
  if (!a.parts) return;
  ptx::allow_next_launch();
  tile_sums(sums);
  if (warp == 0 && n > 0) store_unit(a.parts + int64_t(blockIdx.y) * a.cols + c, n, a.cols % 4 == 0, sums);
}

// f(dy, other) = dy: the column sums of dy itself.
struct IdentityGradient {
  template <class T>
  static __device__ __forceinline__ float gradient(float dy, float) {
    return dy;
  }
};

}  // namespace encore::cuda
