// The dropout bits of attention, with queries along the lanes (layout: kernels/base/rng.h).
// Only for vec/attention_*.cpp.
#pragma once

#include "kernels/cpu/vec/attention.h"
#include "kernels/cpu/vec/attention_tile.h"
#include "kernels/cpu/vec/philox_vec.h"

namespace encore::cpu::ENCORE_VEC {

// Keep bits of a tile: bit r & 15 of block[r / 16][key].
struct KeepTile {
  uint16_t block[kTile / 16][kTile];
};

#ifdef ENCORE_VEC_AVX512

// Keep bits of the draw in each 64-bit lane i: bit 8 i + b of `low` is that of byte b of words 0 and 1, bit 8 i + b of
// `high` that of byte b of words 2 and 3.
ENCORE_INLINE void keep_bytes(const PhiloxVec& v, VI shift, uint32_t threshold, uint64_t& low, uint64_t& high) {
  const VI limit = _mm512_set1_epi8(char(threshold));
  const VI a = _mm512_mask_blend_epi32(0xaaaa, v.c0, _mm512_slli_epi64(v.c1, 32));
  const VI b = _mm512_mask_blend_epi32(0xaaaa, v.c2, _mm512_slli_epi64(v.c3, 32));
  low = _mm512_cmpge_epu8_mask(_mm512_srlv_epi32(a, shift), limit);
  high = _mm512_cmpge_epu8_mask(_mm512_srlv_epi32(b, shift), limit);
}

// Eight draws of a site, blocks[i] in the lower half of 64-bit lane i.
ENCORE_INLINE void keep_bytes8(const PhiloxKeys& keys, const AttentionDraws& d, const uint32_t (&blocks)[8],
                               const uint32_t (&shifts)[8], uint64_t& low, uint64_t& high) {
  const VI block = _mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i*)blocks));
  const VI narrow_shift = _mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i*)shifts));
  const VI shift = _mm512_or_si512(narrow_shift, _mm512_slli_epi64(narrow_shift, 32));
  PhiloxVec v{vset_u32(uint32_t(d.example)), vset_u32(uint32_t(d.example >> 32)), vset_u32(d.site), block};
  philox_rounds(v, keys);
  keep_bytes(v, shift, d.threshold, low, high);
}

#else

ENCORE_INLINE void keep_bytes(const PhiloxVec& v, VI shift, uint32_t threshold, uint32_t& low, uint32_t& high) {
  const VI limit = _mm256_set1_epi8(char(threshold));
  const VI a = _mm256_srlv_epi32(_mm256_blend_epi32(v.c0, _mm256_slli_epi64(v.c1, 32), 0xaa), shift);
  const VI b = _mm256_srlv_epi32(_mm256_blend_epi32(v.c2, _mm256_slli_epi64(v.c3, 32), 0xaa), shift);
  low = uint32_t(_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(a, limit), a)));
  high = uint32_t(_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(b, limit), b)));
}

ENCORE_INLINE void keep_bytes8(const PhiloxKeys& keys, const AttentionDraws& d, const uint32_t (&blocks)[8],
                               const uint32_t (&shifts)[8], uint64_t& low, uint64_t& high) {
  low = high = 0;
  for (int half = 0; half < 2; ++half) {
    const VI block = _mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i*)(blocks + 4 * half)));
    const VI narrow_shift = _mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i*)(shifts + 4 * half)));
    const VI shift = _mm256_or_si256(narrow_shift, _mm256_slli_epi64(narrow_shift, 32));
    PhiloxVec v{vset_u32(uint32_t(d.example)), vset_u32(uint32_t(d.example >> 32)), vset_u32(d.site), block};
    philox_rounds(v, keys);
    uint32_t l, h;
    keep_bytes(v, shift, d.threshold, l, h);
    low |= uint64_t(l) << (32 * half);
    high |= uint64_t(h) << (32 * half);
  }
}

#endif

ENCORE_INLINE uint32_t every_eighth(uint64_t bits, int first) {
  return uint32_t(_pext_u64(bits, 0x0101010101010101ull << first));
}

// Keep bits of the 16 queries at positions 16 row16 .. and the 32 keys of block col32. A draw serves two rows.
ENCORE_INLINE void keep_rows(const PhiloxKeys& keys, const AttentionDraws& d, uint32_t row16, uint32_t col32,
                             uint16_t* keep) {
  const uint32_t none[8] = {};
  for (uint32_t t = 0; t < 4; ++t) {
    uint32_t blocks[8];
    for (uint32_t g = 0; g < 8; ++g) blocks[g] = row16 << 17 | col32 << 5 | (4 * g + t);
    uint64_t words[2];
    keep_bytes8(keys, d, blocks, none, words[0], words[1]);
    for (int o = 0; o < 4; ++o)
      for (int e = 0; e < 2; ++e) {
        const int byte = 4 * (o & 1) + e;
        keep[8 * o + 2 * int(t) + e] =
            uint16_t(every_eighth(words[o >> 1], byte) | every_eighth(words[o >> 1], byte + 2) << 8);
      }
  }
}

// The same for 16 queries at any positions.
ENCORE_INLINE void keep_scattered(const PhiloxKeys& keys, const AttentionDraws& d, const int32_t (&position)[16],
                                  uint32_t col32, uint16_t* keep) {
  for (int t = 0; t < 4; ++t)
    for (int half = 0; half < 2; ++half) {
      uint32_t blocks[8], shifts[8];
      for (int i = 0; i < 8; ++i) {
        const uint32_t p = uint32_t(position[8 * half + i]);
        blocks[i] = (p >> 4) << 17 | col32 << 5 | (4 * (p & 7) + uint32_t(t));
        shifts[i] = p & 8 ? 16 : 0;
      }
      uint64_t words[2];
      keep_bytes8(keys, d, blocks, shifts, words[0], words[1]);
      for (int o = 0; o < 4; ++o)
        for (int e = 0; e < 2; ++e) {
          uint16_t& bits = keep[8 * o + 2 * t + e];
          const uint32_t found = every_eighth(words[o >> 1], 4 * (o & 1) + e) << (8 * half);
          bits = uint16_t(half ? bits | found : found);
        }
    }
}

// Keep bits of the tile of queries from first_query on (of the head's rows) and keys from first_key on. Both are
// multiples of their blocks.
ENCORE_INLINE void keep_tile(const PhiloxKeys& keys, const AttentionHead& a, int64_t first_query, int64_t queries,
                             int64_t first_key, int64_t key_count, KeepTile& keep) {
  for (int64_t r = 0; r < queries; r += 16) {
    int32_t position[16] = {};
    if (a.position)
      for (int64_t i = 0; i < at_most(16, queries - r); ++i) position[i] = a.position[first_query + r + i];
    for (int64_t c = 0; c < key_count; c += 32) {
      const uint32_t col32 = uint32_t((first_key + c) / 32);
      uint16_t* block = &keep.block[r / 16][c];
      if (a.position)
        keep_scattered(keys, a.draws, position, col32, block);
      else
        keep_rows(keys, a.draws, uint32_t((a.first_position + first_query + r) / 16), col32, block);
    }
  }
}

// a in the lanes of query vector j that keep the key, 0 in the others.
ENCORE_INLINE VF vkept(VF a, const KeepTile& keep, int64_t j, int64_t key) {
#ifdef ENCORE_VEC_AVX512
  return _mm512_maskz_mov_ps(keep.block[j][key], a);
#else
  const int bits = keep.block[j >> 1][key] >> (8 * (j & 1));
  const VI lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const VI kept = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(bits), lanes), lanes);
  return _mm256_and_ps(_mm256_castsi256_ps(kept), a);
#endif
}

}  // namespace encore::cpu::ENCORE_VEC
