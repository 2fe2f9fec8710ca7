// Casts between fp32 and bf16 (kernels/ops/cast.h).
#pragma once

#include "kernels/cuda/rows/unit.cuh"

namespace encore::cuda {

inline constexpr int kCastThreads = 256;

// y = x in the type U.
// Warps: a thread has one unit of 8 elements; the units of all rows are numbered through, so that short rows fill
//   warps.
// Shared memory, pipeline: none.
// Invariants: units are counted in 32 bits (checked where it is launched). A NaN keeps its payload: equal types move as
//   bits, and a NaN to bf16 is cut by hand, because the conversion instruction gives one fixed NaN for all.
// Numbers: moves exactly its tensors (bench/kernels/cost.md).
template <class T, class U>
__global__ void __launch_bounds__(kCastThreads) cast_kernel(Rows<const T> x, Rows<U> y, int64_t rows, int64_t cols) {
  const uint32_t units = uint32_t((cols + kUnit - 1) / kUnit), all = units * uint32_t(rows);
  const uint32_t index = blockIdx.x * uint32_t(kCastThreads) + threadIdx.x;
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

}  // namespace encore::cuda
