// Vectors of float under one spelling for all copies of kernels/cpu/vec: 16 lanes with AVX-512, 8 with AVX2.
// Only for vec/*.cpp. Everything has internal linkage.
#pragma once

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef ENCORE_VEC
#error "vec/simd.h is for kernels/cpu/vec/*.cpp"
#endif

#define ENCORE_INLINE static inline __attribute__((always_inline, unused))

namespace encore::cpu::ENCORE_VEC {

#ifdef ENCORE_VEC_AVX512

constexpr int kLanes = 16;
using VF = __m512;     // 16 floats; + - * / work on it
using VI = __m512i;    // 16 int32
using VM = __mmask16;  // which lanes

ENCORE_INLINE VF vset(float x) {
  return _mm512_set1_ps(x);
}
ENCORE_INLINE VF vzero() {
  return _mm512_setzero_ps();
}
ENCORE_INLINE VF vfma(VF a, VF b, VF c) {
  return _mm512_fmadd_ps(a, b, c);
}  // a b + c
ENCORE_INLINE VF vfnma(VF a, VF b, VF c) {
  return _mm512_fnmadd_ps(a, b, c);
}  // c - a b
ENCORE_INLINE VF vmax(VF a, VF b) {
  return _mm512_max_ps(a, b);
}  // b if either is NaN
ENCORE_INLINE VF vmin(VF a, VF b) {
  return _mm512_min_ps(a, b);
}
ENCORE_INLINE VF vsqrt(VF a) {
  return _mm512_sqrt_ps(a);
}
ENCORE_INLINE VF vround(VF a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
ENCORE_INLINE VF vabs(VF a) {
  return _mm512_abs_ps(a);
}
ENCORE_INLINE VM vfirst(int n) {
  return VM(n >= 16 ? 0xffffu : (1u << n) - 1u);
}  // lanes 0 .. n-1; n >= 0
ENCORE_INLINE VM vless(VF a, VF b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
ENCORE_INLINE VF vselect(VM m, VF yes, VF no) {
  return _mm512_mask_blend_ps(m, no, yes);
}
ENCORE_INLINE VF vload(const float* p) {
  return _mm512_loadu_ps(p);
}
ENCORE_INLINE void vstore(float* p, VF a) {
  _mm512_storeu_ps(p, a);
}
ENCORE_INLINE VF vload(const float* p, VM m) {
  return _mm512_maskz_loadu_ps(m, p);
}  // 0 elsewhere, untouched memory
ENCORE_INLINE void vstore(float* p, VF a, VM m) {
  _mm512_mask_storeu_ps(p, m, a);
}
ENCORE_INLINE VF vwiden(__m256i h) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}
// Rounds to nearest even; a NaN stays a quiet NaN.
ENCORE_INLINE __m256i vnarrow_any(VF a) {
  const __m512i u = _mm512_castps_si512(a);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
  __m512i r = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd);
  r = _mm512_mask_or_epi32(r, _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), u, _mm512_set1_epi32(0x400000));
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(r, 16));
}
ENCORE_INLINE __m256i vnarrow(VF a) {
#ifdef ENCORE_VEC_BF16
  // vcvtneps2bf16 does the same except that it takes subnormals for 0.
  if (__builtin_expect(_mm512_fpclass_ps_mask(a, 0x20) != 0, 0)) return vnarrow_any(a);
  const __m256bh narrow = _mm512_cvtneps_pbh(a);
  __m256i r;
  memcpy(&r, &narrow, sizeof r);
  return r;
#else
  return vnarrow_any(a);
#endif
}
ENCORE_INLINE VF vload(const uint16_t* p) {
  return vwiden(_mm256_loadu_si256((const __m256i*)p));
}
ENCORE_INLINE void vstore(uint16_t* p, VF a) {
  _mm256_storeu_si256((__m256i*)p, vnarrow(a));
}
ENCORE_INLINE VF vload(const uint16_t* p, VM m) {
  return vwiden(_mm256_maskz_loadu_epi16(m, p));
}
ENCORE_INLINE void vstore(uint16_t* p, VF a, VM m) {
  _mm256_mask_storeu_epi16(p, m, vnarrow(a));
}
// The sum of the lanes by a fixed tree: the two halves are added until one lane is left.
ENCORE_INLINE float vsum(VF a) {
  __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
ENCORE_INLINE float vlargest(VF a) {
  __m256 h = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}
ENCORE_INLINE VF vscale2(VF a, VF n) {
  return _mm512_scalef_ps(a, n);
}  // a 2^n for whole n of any size

// 1 / a for 1 <= a < 2^126, to 1 ulp.
ENCORE_INLINE VF vreciprocal(VF a) {
  const VF r = _mm512_rcp14_ps(a);  // 14 bits, which one Newton step makes 28
  return vfma(vfnma(a, r, vset(1.f)), r, r);
}
using VD = __m512d;  // half as many doubles; + and * work on it
ENCORE_INLINE VD vlow_doubles(VF a) {
  return _mm512_cvtps_pd(_mm512_castps512_ps256(a));
}
ENCORE_INLINE VD vhigh_doubles(VF a) {
  return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));
}

#else

constexpr int kLanes = 8;
using VF = __m256;
using VI = __m256i;
using VM = __m256i;  // all bits of a lane set, or none

ENCORE_INLINE VF vset(float x) {
  return _mm256_set1_ps(x);
}
ENCORE_INLINE VF vzero() {
  return _mm256_setzero_ps();
}
ENCORE_INLINE VF vfma(VF a, VF b, VF c) {
  return _mm256_fmadd_ps(a, b, c);
}
ENCORE_INLINE VF vfnma(VF a, VF b, VF c) {
  return _mm256_fnmadd_ps(a, b, c);
}
ENCORE_INLINE VF vmax(VF a, VF b) {
  return _mm256_max_ps(a, b);
}
ENCORE_INLINE VF vmin(VF a, VF b) {
  return _mm256_min_ps(a, b);
}
ENCORE_INLINE VF vsqrt(VF a) {
  return _mm256_sqrt_ps(a);
}
ENCORE_INLINE VF vround(VF a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
ENCORE_INLINE VF vabs(VF a) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
ENCORE_INLINE VM vfirst(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
ENCORE_INLINE VM vless(VF a, VF b) {
  return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
ENCORE_INLINE VF vselect(VM m, VF yes, VF no) {
  return _mm256_blendv_ps(no, yes, _mm256_castsi256_ps(m));
}
ENCORE_INLINE VF vload(const float* p) {
  return _mm256_loadu_ps(p);
}
ENCORE_INLINE void vstore(float* p, VF a) {
  _mm256_storeu_ps(p, a);
}
ENCORE_INLINE VF vload(const float* p, VM m) {
  return _mm256_maskload_ps(p, m);
}
ENCORE_INLINE void vstore(float* p, VF a, VM m) {
  _mm256_maskstore_ps(p, m, a);
}
ENCORE_INLINE VF vwiden(__m128i h) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}
ENCORE_INLINE __m128i vnarrow(VF a) {
  const __m256i u = _mm256_castps_si256(a);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
  __m256i r = _mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), odd);
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
  r = _mm256_blendv_epi8(r, _mm256_or_si256(u, _mm256_set1_epi32(0x400000)), nan);
  r = _mm256_srli_epi32(r, 16);
  r = _mm256_permute4x64_epi64(_mm256_packus_epi32(r, r), 0xd8);
  return _mm256_castsi256_si128(r);
}
ENCORE_INLINE VF vload(const uint16_t* p) {
  return vwiden(_mm_loadu_si128((const __m128i*)p));
}
ENCORE_INLINE void vstore(uint16_t* p, VF a) {
  _mm_storeu_si128((__m128i*)p, vnarrow(a));
}
// AVX2 has no masked 16-bit access: the lanes before the first unset one are copied.
ENCORE_INLINE int vcount(VM m) {
  return __builtin_popcount(unsigned(_mm256_movemask_ps(_mm256_castsi256_ps(m))));
}
ENCORE_INLINE VF vload(const uint16_t* p, VM m) {
  uint16_t h[8] = {};
  const int n = vcount(m);
  for (int i = 0; i < n; ++i) h[i] = p[i];
  return vload(h);
}
ENCORE_INLINE void vstore(uint16_t* p, VF a, VM m) {
  uint16_t h[8];
  vstore(h, a);
  const int n = vcount(m);
  for (int i = 0; i < n; ++i) p[i] = h[i];
}
ENCORE_INLINE float vsum(VF a) {
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
ENCORE_INLINE float vlargest(VF a) {
  __m128 q = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  q = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}
// Multiplies by two powers of two, since 2^n itself is not a normal float for every n from -252 to 254.
ENCORE_INLINE VF vscale2(VF a, VF n) {
  const __m256i i = _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(n, _mm256_set1_ps(-252.f)), _mm256_set1_ps(254.f)));
  const __m256i half = _mm256_srai_epi32(i, 1), rest = _mm256_sub_epi32(i, half), one = _mm256_set1_epi32(127);
  a = _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, one), 23)));
  return _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, one), 23)));
}

ENCORE_INLINE VF vreciprocal(VF a) {
  return _mm256_div_ps(vset(1.f), a);
}
using VD = __m256d;
ENCORE_INLINE VD vlow_doubles(VF a) {
  return _mm256_cvtps_pd(_mm256_castps256_ps128(a));
}
ENCORE_INLINE VD vhigh_doubles(VF a) {
  return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
}

#endif

// 2^f for |f| <= 1/2: relative error 9e-9 before rounding, or 7e-6 in the short form, for results that become bf16.
ENCORE_INLINE VF vexp2_fraction(VF f) {
  VF p = vset(1.54531633e-4f);
  p = vfma(p, f, vset(1.339086331e-3f));
  p = vfma(p, f, vset(9.618083015e-3f));
  p = vfma(p, f, vset(5.5503569543e-2f));
  p = vfma(p, f, vset(0.240226507186f));
  p = vfma(p, f, vset(0.693147182464f));
  return vfma(p, f, vset(1.0f));
}
ENCORE_INLINE VF vexp2_fraction_short(VF f) {
  VF p = vset(9.656710550e-3f);
  p = vfma(p, f, vset(5.5838283151e-2f));
  p = vfma(p, f, vset(0.240225300192f));
  p = vfma(p, f, vset(0.693136751651f));
  return vfma(p, f, vset(1.0f));
}

// Splits x = whole + fraction, |fraction| <= 1/2, with a whole part that vscale2 takes for every x.
struct VSplit {
  VF whole, fraction;
};
ENCORE_INLINE VSplit vsplit(VF x) {
#ifdef ENCORE_VEC_AVX512
  // vreduceps gives 0 for an infinity, where x - round(x) would be NaN.
  return {vround(x), _mm512_reduce_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
#else
  x = vmin(vset(200.f), vmax(vset(-200.f), x));  // a NaN passes through in this order
  const VF n = vround(x);
  return {n, x - n};
#endif
}

// 2^x to 1 ulp: 0 for x = -inf, inf from 128 on, NaN for NaN.
ENCORE_INLINE VF vexp2(VF x) {
  const VSplit s = vsplit(x);
  return vscale2(vexp2_fraction(s.fraction), s.whole);
}
ENCORE_INLINE VF vexp2_short(VF x) {
  const VSplit s = vsplit(x);
  return vscale2(vexp2_fraction_short(s.fraction), s.whole);
}

// e^x to 1 ulp: 0 for x = -inf, inf above 88.8, NaN for NaN.
ENCORE_INLINE VF vexp(VF x) {
  x = vmin(vset(130.f), vmax(vset(-150.f), x));  // a NaN passes through in this order
  const VF n = vround(x * vset(1.442695041f));
  VF f = vfnma(n, vset(0.693145752f), x);  // ln 2 in two parts: n times the first is exact
  f = vfnma(n, vset(1.4286068203e-6f), f);
  VF p = vset(1.392617588e-3f);  // relative error 1e-8 before rounding
  p = vfma(p, f, vset(8.363173343e-3f));
  p = vfma(p, f, vset(4.1666556149e-2f));
  p = vfma(p, f, vset(0.166665777564f));
  p = vfma(p, f, vset(0.5f));
  p = vfma(p, f, vset(1.0f));
  p = vfma(p, f, vset(1.0f));
  return vscale2(p, n);
}

}  // namespace encore::cpu::ENCORE_VEC
