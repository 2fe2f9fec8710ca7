// Elementwise work over rows without sums: y = f(x + bias), with dropout, and with rows picked out or put back. An op
// (tanh.cuh, for instance) gives its f as a struct with a static value<T>(x).
#pragma once

#include "kernels/cuda/rows/draws.cuh"

namespace encore::cuda {

inline constexpr int kMapThreads = 256;
inline constexpr int kMapUnits = 32;  // units of 8 columns that a block has of a row
inline constexpr int kMapRows = 32;   // rows that a block has at a time

template <class T, class U>
struct MapArgs {
  Rows<const T> x;
  Rows<U> y;
  Rows<const float> bias;  // data null: absent
  const int32_t* rows_x;   // null: row r of x, else row rows_x[r], where a negative one stands for zeros
  const int32_t* rows_y;   // the same of y
  const int32_t* live;     // null: every row counts
  int64_t rows, cols;
  RowDraws draws;
};

// y[rows_y[r]] = f(x[rows_x[r]] + bias), through dropout where a.draws is on.
// Warps: block (x, y) has 32 units of columns, one a lane, and 32 rows at a time; warp w has the rows w, w + 8, w + 16
//   and w + 24 of them. No warp waits for another.
// Shared memory: none.
// Pipeline: a warp loads its four rows before it computes the first, so that four loads a lane are in flight.
// Invariants: a warp has whole rows of units (static_assert); y may be x, because a thread loads what it overwrites
//   first.
// Numbers: four rows a warp leave half of the warps resident at 54 to 64 registers in bf16 (bench/kernels/cost.md);
//   GELU forward then reads and writes 2.87 TB/s on an H100 (docs/performance.md).
template <class T, class U, class F>
__global__ void __launch_bounds__(kMapThreads) map_kernel(MapArgs<T, U> a) {
  constexpr int kWarps = kMapThreads / 32, kHeld = kMapRows / kWarps;
  static_assert(kMapUnits == 32 && kMapRows % kWarps == 0, "a unit a lane, and as many rows for every warp");
  const int unit = int(blockIdx.x) * kMapUnits + int(threadIdx.x) % 32;
  const int64_t c = int64_t(unit) * kUnit, live = live_rows(a.live, a.rows);
  const int n = int(a.cols - c);
  if (n <= 0) return;
  float bias[kUnit] = {};
  if (a.bias.data) load_unit(a.bias.data + c, n, a.bias.wide, bias);
  for (int64_t first = int64_t(blockIdx.y) * kMapRows + int(threadIdx.x) / 32; first < a.rows;
       first += int64_t(gridDim.y) * kMapRows) {
    Packed<T> held[kHeld];
#pragma unroll
    for (int k = 0; k < kHeld; ++k) {
      const int64_t r = first + k * kWarps;
      const int64_t from = r >= live ? -1 : a.rows_x ? int64_t(a.rows_x[r]) : r;
      held[k] = load_packed(a.x.row(from < 0 ? 0 : from) + c, from < 0 ? 0 : n, a.x.wide);
    }
#pragma unroll
    for (int k = 0; k < kHeld; ++k) {
      const int64_t r = first + k * kWarps;
      if (r >= a.rows) break;
      if (r >= live) {
        if (!a.rows_y) store_zeros(a.y.row(r) + c, n, a.y.wide);
        continue;
      }
      U* const to = a.y.row(a.rows_y ? int64_t(a.rows_y[r]) : r) + c;
      float x[kUnit];
      unpack(held[k], x);
      if constexpr (F::kAdds) {
        float y[kUnit];
        load_unit(static_cast<const U*>(to), n, a.y.wide, y);
#pragma unroll
        for (int i = 0; i < kUnit; ++i) x[i] += y[i];
      }
#pragma unroll
      for (int i = 0; i < kUnit; ++i) x[i] = F::template value<T>(x[i] + bias[i]);
      drop(a.draws, draws_of_row(a.draws, r), unit, x);
      store_unit(to, n, a.y.wide, x);
    }
  }
}

// f(x) = x.
struct Identity {
  static constexpr bool kAdds = false;  // whether the result is added to y
  template <class T>
  static __device__ __forceinline__ float value(float x) {
    return x;
  }
};

}  // namespace encore::cuda
