// Eight neighbouring elements of a row: the unit in which row kernels load, store and draw dropout bits.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>

namespace encore::cuda {

inline constexpr int kUnit = 8;

// Rows of T in device memory, `ld` elements apart. wide: every row starts at a multiple of 16 bytes, so whole units
// move as 16-byte words.
template <class T>
struct Rows {
  T* data;
  int64_t ld;
  bool wide;
  __device__ __forceinline__ T* row(int64_t r) const { return data + r * ld; }
};

// Eight elements as they lie in memory.
template <class T>
struct Packed {
  uint4 word[sizeof(T) / 2];
};

__device__ __forceinline__ uint32_t bits_of(float x) {
  return __float_as_uint(x);
}
__device__ __forceinline__ uint32_t bits_of(__nv_bfloat16 x) {
  return __bfloat16_as_ushort(x);
}
__device__ __forceinline__ uint32_t pack2(float lo, float hi) {
  const __nv_bfloat162 v = __floats2bfloat162_rn(lo, hi);
  uint32_t u;
  memcpy(&u, &v, 4);
  return u;
}

__device__ __forceinline__ void unpack(const Packed<__nv_bfloat16>& p, float (&x)[kUnit]) {
  const uint32_t u[4] = {p.word[0].x, p.word[0].y, p.word[0].z, p.word[0].w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    x[2 * i] = __uint_as_float(u[i] << 16);
    x[2 * i + 1] = __uint_as_float(u[i] & 0xffff0000u);
  }
}
__device__ __forceinline__ void unpack(const Packed<float>& p, float (&x)[kUnit]) {
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    x[4 * i] = __uint_as_float(p.word[i].x);
    x[4 * i + 1] = __uint_as_float(p.word[i].y);
    x[4 * i + 2] = __uint_as_float(p.word[i].z);
    x[4 * i + 3] = __uint_as_float(p.word[i].w);
  }
}
__device__ __forceinline__ void pack(const float (&x)[kUnit], Packed<__nv_bfloat16>& p) {
  p.word[0] = make_uint4(pack2(x[0], x[1]), pack2(x[2], x[3]), pack2(x[4], x[5]), pack2(x[6], x[7]));
}
__device__ __forceinline__ void pack(const float (&x)[kUnit], Packed<float>& p) {
#pragma unroll
  for (int i = 0; i < 2; ++i)
    p.word[i] = make_uint4(__float_as_uint(x[4 * i]), __float_as_uint(x[4 * i + 1]), __float_as_uint(x[4 * i + 2]),
                           __float_as_uint(x[4 * i + 3]));
}

// How many of `rows` rows count: *live, in device memory (kernels/ops/live_rows.h); null: all of them.
__device__ __forceinline__ int64_t live_rows(const int32_t* live, int64_t rows) {
  return live && *live < rows ? *live : rows;
}

// The unit that starts at p, of which only the first n elements exist (n may be 0 or less); the others are read as 0.
template <class T>
__device__ __forceinline__ Packed<T> load_packed(const T* p, int n, bool wide) {
  Packed<T> unit;
  if (wide && n >= kUnit) {
#pragma unroll
    for (int i = 0; i < int(sizeof(T) / 2); ++i) unit.word[i] = reinterpret_cast<const uint4*>(p)[i];
    return unit;
  }
  uint32_t u[2 * sizeof(T)];
#pragma unroll
  for (int i = 0; i < int(2 * sizeof(T)); ++i) u[i] = 0;
#pragma unroll
  for (int i = 0; i < kUnit; ++i)
    if (i < n) u[i * sizeof(T) / 4] |= bits_of(p[i]) << (sizeof(T) == 2 ? i % 2 * 16 : 0);
#pragma unroll
  for (int i = 0; i < int(sizeof(T) / 2); ++i)
    unit.word[i] = make_uint4(u[4 * i], u[4 * i + 1], u[4 * i + 2], u[4 * i + 3]);
  return unit;
}

template <class T>
__device__ __forceinline__ void load_unit(const T* p, int n, bool wide, float (&x)[kUnit]) {
  unpack(load_packed(p, n, wide), x);
}

// Stores the first n elements.
template <class T>
__device__ __forceinline__ void store_unit(T* p, int n, bool wide, const float (&x)[kUnit]) {
  if (wide && n >= kUnit) {
    Packed<T> unit;
    pack(x, unit);
#pragma unroll
    for (int i = 0; i < int(sizeof(T) / 2); ++i) reinterpret_cast<uint4*>(p)[i] = unit.word[i];
    return;
  }
#pragma unroll
  for (int i = 0; i < kUnit; ++i)
    if (i < n) p[i] = T(x[i]);
}

template <class T>
__device__ __forceinline__ void store_zeros(T* p, int n, bool wide) {
  const float zeros[kUnit] = {};
  store_unit(p, n, wide, zeros);
}

}  // namespace encore::cuda
