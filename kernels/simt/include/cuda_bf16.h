// Stand-in for the CUDA Toolkit's header of this name: the part that kernels use, with the same bits.
#pragma once

#include <simt/math.h>
#include <simt/vector_types.h>

#include <bit>
#include <cstdint>

// Round to nearest even; every NaN becomes 0x7fff, as on the device.
SIMT_INLINE unsigned short simt_float_to_bf16(float x) {
  const uint32_t u = std::bit_cast<uint32_t>(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
  return static_cast<unsigned short>((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}
SIMT_INLINE float simt_bf16_to_float(unsigned short x) {
  return std::bit_cast<float>(uint32_t(x) << 16);
}

struct alignas(2) __nv_bfloat16_raw {
  unsigned short x;
};
struct alignas(2) __nv_bfloat16 {
  unsigned short __x;
  __nv_bfloat16() = default;
  SIMT_INLINE __nv_bfloat16(float f) : __x(simt_float_to_bf16(f)) {}
  SIMT_INLINE explicit __nv_bfloat16(double f) : __x(simt_float_to_bf16(float(f))) {}
  SIMT_INLINE explicit __nv_bfloat16(int i) : __x(simt_float_to_bf16(float(i))) {}
  SIMT_INLINE __nv_bfloat16(__nv_bfloat16_raw r) : __x(r.x) {}
  SIMT_INLINE operator float() const { return simt_bf16_to_float(__x); }
};
struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
  __nv_bfloat162() = default;
  SIMT_INLINE __nv_bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) : x(a), y(b) {}
};
using nv_bfloat16 = __nv_bfloat16;
using nv_bfloat162 = __nv_bfloat162;

SIMT_INLINE __nv_bfloat16 __ushort_as_bfloat16(unsigned short x) {
  return __nv_bfloat16(__nv_bfloat16_raw{x});
}
SIMT_INLINE unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) {
  return x.__x;
}
SIMT_INLINE __nv_bfloat16 __float2bfloat16(float x) {
  return __nv_bfloat16(x);
}
SIMT_INLINE __nv_bfloat16 __float2bfloat16_rn(float x) {
  return __nv_bfloat16(x);
}
SIMT_INLINE float __bfloat162float(__nv_bfloat16 x) {
  return float(x);
}
SIMT_INLINE __nv_bfloat162 __floats2bfloat162_rn(float lo, float hi) {
  return {__nv_bfloat16(lo), __nv_bfloat16(hi)};
}
SIMT_INLINE __nv_bfloat162 __float22bfloat162_rn(float2 v) {
  return __floats2bfloat162_rn(v.x, v.y);
}
SIMT_INLINE __nv_bfloat162 __float2bfloat162_rn(float v) {
  return __floats2bfloat162_rn(v, v);
}
SIMT_INLINE float2 __bfloat1622float2(__nv_bfloat162 v) {
  return {float(v.x), float(v.y)};
}
SIMT_INLINE __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 lo, __nv_bfloat16 hi) {
  return {lo, hi};
}
SIMT_INLINE __nv_bfloat16 __low2bfloat16(__nv_bfloat162 v) {
  return v.x;
}
SIMT_INLINE __nv_bfloat16 __high2bfloat16(__nv_bfloat162 v) {
  return v.y;
}
SIMT_INLINE float __low2float(__nv_bfloat162 v) {
  return float(v.x);
}
SIMT_INLINE float __high2float(__nv_bfloat162 v) {
  return float(v.y);
}
