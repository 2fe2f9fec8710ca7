// One unit of 8 elements a thread, no sums: GELU and tanh forward, dropout, casts, and rows picked out and put back.
#pragma once

#include "kernels/cuda/draws.cuh"

namespace encore::cuda {

inline constexpr int kMapThreads = 256;

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

// y = f(x + bias), through dropout where f says so. Units are numbered along the rows; fewer than 2^32 of them.
template <class T, class U, class F>
__global__ void __launch_bounds__(kMapThreads) map_kernel(MapArgs<T, U> a) {
  const uint32_t units = uint32_t((a.cols + kUnit - 1) / kUnit), all = units * uint32_t(a.rows);
  const uint32_t index = blockIdx.x * uint32_t(kMapThreads) + threadIdx.x;
  if (index >= all) return;
  const uint32_t r = index / units, unit = index % units;
  const int64_t c = int64_t(unit) * kUnit;
  const int n = int(a.cols - c);
  if (r >= live_rows(a.live, a.rows)) {
    if (!a.rows_y) store_zeros(a.y.row(r) + c, n, a.y.wide);
    return;
  }
  const int64_t from = a.rows_x ? int64_t(a.rows_x[r]) : r, to = a.rows_y ? int64_t(a.rows_y[r]) : r;
  float x[kUnit] = {};
  if (from >= 0) load_unit(a.x.row(from) + c, n, a.x.wide, x);
  if (a.bias.data) {
    float bias[kUnit];
    load_unit(a.bias.data + c, n, a.bias.wide, bias);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) x[i] += bias[i];
  }
  if constexpr (F::kAdds) {
    float y[kUnit];
    load_unit(a.y.row(to) + c, n, a.y.wide, y);
#pragma unroll
    for (int i = 0; i < kUnit; ++i) x[i] += y[i];
  }
#pragma unroll
  for (int i = 0; i < kUnit; ++i) x[i] = F::value(x[i]);
  drop(a.draws, draws_of_row(a.draws, r), int(unit), x);
  store_unit(a.y.row(to) + c, n, a.y.wide, x);
}

// Casts keep the payload of a NaN, which the conversion instruction would not.
template <class T, class U>
__global__ void __launch_bounds__(kMapThreads) cast_kernel(Rows<const T> x, Rows<U> y, int64_t rows, int64_t cols) {
  const uint32_t units = uint32_t((cols + kUnit - 1) / kUnit), all = units * uint32_t(rows);
  const uint32_t index = blockIdx.x * uint32_t(kMapThreads) + threadIdx.x;
  if (index >= all) return;
  const int64_t r = index / units, c = int64_t(index % units) * kUnit;
  const int n = int(cols - c);
  Packed<T> in = load_packed(x.row(r) + c, n, x.wide);
  if constexpr (sizeof(T) == sizeof(U)) {
    if (y.wide && n >= kUnit) {
#pragma unroll
      for (int i = 0; i < int(sizeof(T) / 2); ++i) reinterpret_cast<uint4*>(y.row(r) + c)[i] = in.word[i];
    } else {
      for (int i = 0; i < n && i < kUnit; ++i) y.row(r)[c + i] = x.row(r)[c + i];
    }
  } else {
    float value[kUnit];
    unpack(in, value);
    if constexpr (sizeof(U) == 4) {
      store_unit(y.row(r) + c, n, y.wide, value);
    } else {
      uint16_t bits[kUnit];
#pragma unroll
      for (int i = 0; i < kUnit; ++i) {
        const uint32_t u = __float_as_uint(value[i]);
        bits[i] = (u & 0x7fffffffu) > 0x7f800000u ? uint16_t(u >> 16 | 0x40u) : uint16_t(pack2(value[i], 0.f));
      }
      if (y.wide && n >= kUnit) {
        uint32_t w[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) w[i] = uint32_t(bits[2 * i]) | uint32_t(bits[2 * i + 1]) << 16;
        *reinterpret_cast<uint4*>(y.row(r) + c) = make_uint4(w[0], w[1], w[2], w[3]);
      } else {
#pragma unroll
        for (int i = 0; i < kUnit; ++i)
          if (i < n) y.row(r)[c + i] = __ushort_as_bfloat16(bits[i]);
      }
    }
  }
}

struct Same {
  static constexpr bool kAdds = false;
  static __device__ __forceinline__ float value(float x) { return x; }
};
struct Added : Same {
  static constexpr bool kAdds = true;
};
struct Gelu : Same {
  // u/2 (1 + erf(u / sqrt 2)), which is u/2 erfc(-u / sqrt 2) without the cancellation in the lower tail. The argument
  // is rounded; erfc'(z) / erfc(z) is near -2z there, so what the rounding lost goes back in to first order.
  static __device__ __forceinline__ float value(float u) {
    const float z = -0.707106781f * u;
    float tail = erfcf(z);
    if (z > 1.f && z < 12.f) {
      const float lost = __fmaf_rn(-0.707106781f, u, -z) - 1.21016175e-8f * u;
      tail *= 1.f - 2.f * z * lost;
    }
    return 0.5f * u * tail;
  }
};
struct Tanh : Same {
  static __device__ __forceinline__ float value(float x) { return tanhf(x); }
};

}  // namespace encore::cuda
