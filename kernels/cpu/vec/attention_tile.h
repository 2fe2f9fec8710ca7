// Tiles of attention: how operands are packed and multiplied. Only for vec/attention_*.cpp.
//
// Scores are held transposed, one key per row and queries along the lanes, so that the softmax needs no sums across
// lanes and no mask for the number of keys. Every product is C [m, n] = A B with the lanes of a vector along n: an
// element of A is one dword, which is broadcast, and a row of B is n dwords. A dword is a float, or a pair of bfloat16
// that are neighbours along the summed dimension (vdpbf16ps).
#pragma once

#include "kernels/cpu/vec/simd.h"

namespace encore::cpu::ENCORE_VEC {

constexpr int kTile = 64;  // queries and keys of a tile
constexpr int kGroup = 4;  // rows of A that are multiplied at once
#ifdef ENCORE_VEC_AVX512
constexpr int kColumns = 4;  // vectors of B that are multiplied at once
#else
constexpr int kColumns = 2;
#endif

ENCORE_INLINE int64_t round_up(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit * unit;
}
ENCORE_INLINE int64_t at_most(int64_t a, int64_t b) {
  return a < b ? a : b;
}

// Operands in fp32; T is the type in memory.
template <class T>
struct SingleMode {
  using Element = T;
  static constexpr int kPair = 1;
};

ENCORE_INLINE VF vdot(VF sum, VF a, VF b, SingleMode<float>) {
  return vfma(a, b, sum);
}
ENCORE_INLINE VF vdot(VF sum, VF a, VF b, SingleMode<uint16_t>) {
  return vfma(a, b, sum);
}

#ifdef ENCORE_VEC_BF16
// Operands in bfloat16, sums in fp32.
struct PairMode {
  using Element = uint16_t;
  static constexpr int kPair = 2;
};
ENCORE_INLINE VF vdot(VF sum, VF a, VF b, PairMode) {
  return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}
using FloatMode = SingleMode<float>;
using HalfMode = PairMode;
#else
using FloatMode = SingleMode<float>;
using HalfMode = SingleMode<uint16_t>;
#endif

// e^(factor score - base), as precise as the mode's probabilities need. The difference is taken before the factor log2
// e: scores may be hundreds below 0, and products of that size would lose bits that the difference needs.
template <class M>
ENCORE_INLINE VF probability(VF score, VF factor, VF base) {
  const VF x = vfma(score, factor, vzero() - base) * vset(1.44269504f);
  if constexpr (M::kPair == 2) return vexp2_short(x);
  return vexp2(x);
}

ENCORE_INLINE VF vbroadcast(const float* dword) {
  int32_t bits;
  memcpy(&bits, dword, 4);
#ifdef ENCORE_VEC_AVX512
  return _mm512_castsi512_ps(_mm512_set1_epi32(bits));
#else
  return _mm256_castsi256_ps(_mm256_set1_epi32(bits));
#endif
}

// A(i, s) = data[i row + s step].
struct Left {
  const float* data;
  int64_t row, step;
};

// sum[i][j] = A(i, .) B(., j) for kGroup rows and NV vectors of columns.
template <class M, int NV>
ENCORE_INLINE void multiply(VF (&sum)[kGroup][NV], const Left& a, const float* b, int64_t ldb, int64_t steps) {
#pragma GCC unroll 8
  for (int i = 0; i < kGroup; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < NV; ++j) sum[i][j] = vzero();
  const float* a0 = a.data;
  const float* a2 = a.data + 2 * a.row;
  const int64_t row = a.row, step = a.step;
#pragma GCC unroll 2
  for (int64_t s = 0; s < steps; ++s) {
    VF column[NV];
#pragma GCC unroll 8
    for (int j = 0; j < NV; ++j) column[j] = vload(b + j * kLanes);
    const VF left[kGroup] = {vbroadcast(a0), vbroadcast(a0 + row), vbroadcast(a2), vbroadcast(a2 + row)};
#pragma GCC unroll 8
    for (int i = 0; i < kGroup; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < NV; ++j) sum[i][j] = vdot(sum[i][j], left[i], column[j], M{});
    a0 += step;
    a2 += step;
    b += ldb;
  }
}

// Calls finish(first row, first vector, sums) for every group of kGroup rows and up to kColumns vectors. `rows` is a
// multiple of kGroup.
template <class M, int NV, class F>
ENCORE_INLINE void multiply_columns(int64_t rows, int64_t j, const Left& a, const float* b, int64_t ldb, int64_t steps,
                                    F&& finish) {
  for (int64_t i = 0; i < rows; i += kGroup) {
    VF sum[kGroup][NV];
    multiply<M, NV>(sum, {a.data + i * a.row, a.row, a.step}, b + j * kLanes, ldb, steps);
    finish(i, j, sum);
  }
}
template <class M, class F>
ENCORE_INLINE void multiply_all(int64_t rows, int64_t vectors, const Left& a, const float* b, int64_t ldb,
                                int64_t steps, F&& finish) {
  int64_t j = 0;
  for (; j + kColumns <= vectors; j += kColumns) multiply_columns<M, kColumns>(rows, j, a, b, ldb, steps, finish);
#ifdef ENCORE_VEC_AVX512
  if (vectors - j == 3) multiply_columns<M, 3>(rows, j, a, b, ldb, steps, finish);
  if (vectors - j == 2) multiply_columns<M, 2>(rows, j, a, b, ldb, steps, finish);
#endif
  if (vectors - j == 1) multiply_columns<M, 1>(rows, j, a, b, ldb, steps, finish);
}

// c += A B.
template <class M>
ENCORE_INLINE void add_product(int64_t rows, int64_t vectors, const Left& a, const float* b, int64_t ldb, int64_t steps,
                               float* c, int64_t ldc) {
  multiply_all<M>(rows, vectors, a, b, ldb, steps, [=](int64_t i0, int64_t j0, auto& sum) {
    constexpr int kCount = int(sizeof(sum[0]) / sizeof(VF));
#pragma GCC unroll 8
    for (int i = 0; i < kGroup; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < kCount; ++j) {
        float* to = c + (i0 + i) * ldc + (j0 + j) * kLanes;
        vstore(to, vload(to) + sum[i][j]);
      }
  });
}

// Packs a row-major operand into dwords: rows [n][width], width = head size / kPair; zero rows follow up to `padded`.
template <class M>
ENCORE_INLINE void pack_rows(const typename M::Element* from, int64_t ld, int64_t n, int64_t padded, int head_size,
                             float* to) {
  const int64_t width = head_size / M::kPair;
  for (int64_t r = 0; r < n; ++r) {
    if constexpr (M::kPair == 2) {
      memcpy(to + r * width, from + r * ld, size_t(head_size) * 2);
    } else {
      for (int d = 0; d < head_size; d += kLanes) vstore(to + r * width + d, vload(from + r * ld + d));
    }
  }
  memset(to + n * width, 0, size_t((padded - n) * width) * 4);
}

// Repacks rows [n][width] with pairs along the rows: [n / kPair][head size]. n is a multiple of kPair. In fp32, which
// has no pairs, the rows are returned as they are.
template <class M>
ENCORE_INLINE const float* pack_pairs(const float* rows, int64_t n, int head_size, float* to) {
  if constexpr (M::kPair == 1) {
    return rows;
  } else {
#ifdef ENCORE_VEC_BF16
    const uint16_t* from = (const uint16_t*)rows;
    for (int64_t r = 0; r < n; r += 2, from += 2 * head_size, to += head_size)
      for (int d = 0; d < head_size; d += kLanes) {
        const __m512i even = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(from + d)));
        const __m512i odd = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(from + head_size + d)));
        _mm512_storeu_si512(to + d, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
      }
    return to - n / 2 * head_size;
#endif
  }
}

// kLanes rows of kLanes dwords each, transposed in registers.
ENCORE_INLINE void transpose_block(const float* from, int64_t ld, float* to, int64_t ld_to) {
  VF r[kLanes], t[kLanes];
  for (int i = 0; i < kLanes; ++i) r[i] = vload(from + i * ld);
#ifdef ENCORE_VEC_AVX512
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const VF a = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88), b = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    const VF c = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd), d = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
    vstore(to + i * ld_to, _mm512_shuffle_f32x4(a, b, 0x88));
    vstore(to + (i + 4) * ld_to, _mm512_shuffle_f32x4(c, d, 0x88));
    vstore(to + (i + 8) * ld_to, _mm512_shuffle_f32x4(a, b, 0xdd));
    vstore(to + (i + 12) * ld_to, _mm512_shuffle_f32x4(c, d, 0xdd));
  }
#else
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    vstore(to + i * ld_to, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    vstore(to + (i + 4) * ld_to, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
#endif
}

// Transposes packed rows [n <= kTile][width] to [width][kTile]. n and width are multiples of 16.
ENCORE_INLINE void transpose(const float* rows, int64_t n, int64_t width, float* to) {
  for (int64_t r = 0; r < n; r += kLanes)
    for (int64_t d = 0; d < width; d += kLanes) transpose_block(rows + r * width + d, width, to + d * kTile + r, kTile);
}

// Stores two neighbouring rows of probabilities as dwords with pairs along the rows: a row of B, or a column of A. `to`
// is row c / kPair.
template <class M>
ENCORE_INLINE void store_pair(float* to, VF even, VF odd) {
  if constexpr (M::kPair == 1) {
    vstore(to, even);
    vstore(to + kTile, odd);
  } else {
#ifdef ENCORE_VEC_BF16
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(odd, even);
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    _mm512_storeu_si512(to, _mm512_permutexvar_epi16(order, both));
#endif
  }
}

}  // namespace encore::cpu::ENCORE_VEC
