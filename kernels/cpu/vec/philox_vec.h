// Philox4x32-10 in vectors, and row dropout, with the same bits as kernels/base/rng.h. Only for vec/*.cpp.
#pragma once

#include "kernels/cpu/vec/columns.h"

namespace encore::cpu::ENCORE_VEC {

// The keys of the ten rounds.
struct PhiloxKeys {
  uint32_t k0[10], k1[10];
};
ENCORE_INLINE PhiloxKeys philox_keys(uint64_t seed) {
  PhiloxKeys keys;
  for (int i = 0; i < 10; ++i) {
    keys.k0[i] = uint32_t(seed) + uint32_t(i) * 0x9E3779B9u;
    keys.k1[i] = uint32_t(seed >> 32) + uint32_t(i) * 0xBB67AE85u;
  }
  return keys;
}

// kDraws draws at once. The lower half of each 64-bit lane is a counter or output word of a draw; the upper half is
// arbitrary on input and on output.
struct PhiloxVec {
  VI c0, c1, c2, c3;
};

constexpr int kDraws = kLanes / 2;
constexpr int kDrawColumns = 8 * kDraws;  // columns of a row that kDraws row draws serve

#ifdef ENCORE_VEC_AVX512

ENCORE_INLINE VI vset_u32(uint32_t x) {
  return _mm512_set1_epi32(int(x));
}
ENCORE_INLINE void philox_rounds(PhiloxVec& v, const PhiloxKeys& keys) {
  const VI m0 = vset_u32(0xD2511F53u), m1 = vset_u32(0xCD9E8D57u);
#pragma GCC unroll 10
  for (int i = 0; i < 10; ++i) {
    const VI p0 = _mm512_mul_epu32(v.c0, m0), p1 = _mm512_mul_epu32(v.c2, m1);
    v.c0 = _mm512_ternarylogic_epi32(_mm512_srli_epi64(p1, 32), v.c1, vset_u32(keys.k0[i]), 0x96);
    v.c2 = _mm512_ternarylogic_epi32(_mm512_srli_epi64(p0, 32), v.c3, vset_u32(keys.k1[i]), 0x96);
    v.c1 = p1;
    v.c3 = p0;
  }
}

// The keep bits of columns 8 first .. 8 first + 63 of a row: bit i of 16-bit piece j of the result is that of column
// 8 first + 16 j + i.
ENCORE_INLINE void row_draws(const PhiloxKeys& keys, uint64_t example, uint32_t site, uint32_t first,
                             uint32_t threshold, uint16_t* keep) {
  // Lane order 0 4 1 5 2 6 3 7: the unpacking below then leaves the draws in rising order.
  const VI order = _mm512_set_epi64(7, 3, 6, 2, 5, 1, 4, 0);
  PhiloxVec v{vset_u32(uint32_t(example)), vset_u32(uint32_t(example >> 32)), vset_u32(site),
              _mm512_add_epi32(order, vset_u32(first))};
  philox_rounds(v, keys);
  const VI a = _mm512_mask_blend_epi32(0xaaaa, v.c0, _mm512_slli_epi64(v.c1, 32));  // words 0, 1
  const VI b = _mm512_mask_blend_epi32(0xaaaa, v.c2, _mm512_slli_epi64(v.c3, 32));  // words 2, 3
  const VI limit = _mm512_set1_epi16(short(threshold));
  const uint32_t low = _mm512_cmpge_epu16_mask(_mm512_unpacklo_epi64(a, b), limit);
  const uint32_t high = _mm512_cmpge_epu16_mask(_mm512_unpackhi_epi64(a, b), limit);
  memcpy(keep, &low, 4);
  memcpy(keep + 2, &high, 4);
}

ENCORE_INLINE VM vkeep(const uint16_t* keep, int64_t column) {
  return VM(keep[column >> 4]);
}

#else

ENCORE_INLINE VI vset_u32(uint32_t x) {
  return _mm256_set1_epi32(int(x));
}
ENCORE_INLINE void philox_rounds(PhiloxVec& v, const PhiloxKeys& keys) {
  const VI m0 = vset_u32(0xD2511F53u), m1 = vset_u32(0xCD9E8D57u);
#pragma GCC unroll 10
  for (int i = 0; i < 10; ++i) {
    const VI p0 = _mm256_mul_epu32(v.c0, m0), p1 = _mm256_mul_epu32(v.c2, m1);
    v.c0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), v.c1), vset_u32(keys.k0[i]));
    v.c2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), v.c3), vset_u32(keys.k1[i]));
    v.c1 = p1;
    v.c3 = p0;
  }
}

ENCORE_INLINE uint16_t keep_bits(VI halves, VI limit) {
  const VI kept = _mm256_cmpeq_epi16(_mm256_max_epu16(halves, limit), halves);
  return uint16_t(_mm_movemask_epi8(_mm_packs_epi16(_mm256_castsi256_si128(kept), _mm256_extracti128_si256(kept, 1))));
}

ENCORE_INLINE void row_draws(const PhiloxKeys& keys, uint64_t example, uint32_t site, uint32_t first,
                             uint32_t threshold, uint16_t* keep) {
  const VI order = _mm256_set_epi64x(3, 1, 2, 0);
  PhiloxVec v{vset_u32(uint32_t(example)), vset_u32(uint32_t(example >> 32)), vset_u32(site),
              _mm256_add_epi32(order, vset_u32(first))};
  philox_rounds(v, keys);
  const VI a = _mm256_blend_epi32(v.c0, _mm256_slli_epi64(v.c1, 32), 0xaa);
  const VI b = _mm256_blend_epi32(v.c2, _mm256_slli_epi64(v.c3, 32), 0xaa);
  const VI limit = _mm256_set1_epi16(short(threshold));
  keep[0] = keep_bits(_mm256_unpacklo_epi64(a, b), limit);
  keep[1] = keep_bits(_mm256_unpackhi_epi64(a, b), limit);
}

ENCORE_INLINE VM vkeep(const uint16_t* keep, int64_t column) {
  const int bits = keep[column >> 4] >> (column & 8);
  const VI lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(bits), lanes), lanes);
}

#endif

constexpr int kMaxDropoutColumns = 8 * 4096;

// The keep bits of one row.
struct RowKeep {
  uint16_t bits[kMaxDropoutColumns / 16];
};

// REQUIRES: d.threshold > 0, cols <= kMaxDropoutColumns.
ENCORE_INLINE void dropout_row(const VecDropout& d, const PhiloxKeys& keys, int64_t row, int64_t cols, RowKeep& keep) {
  const uint64_t example = d.example_keys[d.sequence[row]];
  const uint32_t position = uint32_t(d.position[row]) << 12;
  for (int64_t c = 0; c < cols; c += kDrawColumns)
    row_draws(keys, example, d.site, position + uint32_t(c >> 3), d.threshold, keep.bits + (c >> 4));
}

// dropout(a) for the vector that starts at `column`, a multiple of kLanes.
ENCORE_INLINE VF vdropout(VF a, const RowKeep& keep, int64_t column, VF scale) {
  return vselect(vkeep(keep.bits, column), a * scale, vzero());
}

}  // namespace encore::cpu::ENCORE_VEC
