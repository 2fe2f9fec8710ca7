// One unit of 8 elements a thread, no sums: GELU and tanh forward, dropout, casts, and rows picked out and put back.
#pragma once

#include "kernels/cuda/draws.cuh"
#include "kernels/cuda/normal.cuh"

namespace encore::cuda {

// A warp has 32 units of a row, and kMapRows / 8 rows at a time, whose loads are in flight together.
inline constexpr int kMapThreads = 256, kMapUnits = 32, kMapRows = 32;

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

// y = f(x + bias), through dropout where f says so.
template <class T, class U, class F>
__global__ void __launch_bounds__(kMapThreads) map_kernel(MapArgs<T, U> a) {
  constexpr int kWarps = kMapThreads / 32, kHeld = kMapRows / kWarps;
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
  template <class T>
  static __device__ __forceinline__ float value(float x) {
    return x;
  }
};
struct Added : Same {
  static constexpr bool kAdds = true;
};
struct Gelu : Same {
  // u/2 (1 + erf(u / sqrt 2)), which is u/2 erfc(-u / sqrt 2) without the cancellation in the lower tail. The argument
  // is rounded; erfc'(z) / erfc(z) is near -2z there, so what the rounding lost goes back in to first order.
  static __device__ __forceinline__ float exact(float u) {
    const float z = -0.707106781f * u;
    float tail = erfcf(z);
    if (z > 1.f && z < 12.f) {
      const float lost = __fmaf_rn(-0.707106781f, u, -z) - 1.21016175e-8f * u;
      tail *= 1.f - 2.f * z * lost;
    }
    return 0.5f * u * tail;
  }
  // max(u, 0) - |u| Phi(-|u|), which keeps a NaN; beyond 30 the tail is 0 and only an infinity would make it one.
  static __device__ __forceinline__ float rounded(float u) {
    const float half = 0.5f * u, a = fminf(fabsf(u), 30.f);
    return (half + fabsf(half)) - a * normal_tail(a).tail;
  }
  template <class T>
  static __device__ __forceinline__ float value(float u) {
    return sizeof(T) == 2 ? rounded(u) : exact(u);
  }
};
struct Tanh : Same {
  template <class T>
  static __device__ __forceinline__ float value(float x) {
    return tanhf(x);
  }
};

}  // namespace encore::cuda
