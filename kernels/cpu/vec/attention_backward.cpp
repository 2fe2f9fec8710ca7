#include "kernels/cpu/vec/attention.h"
#include "kernels/cpu/vec/attention_keep.h"
#include "kernels/cpu/vec/attention_tile.h"

namespace encore::cpu::ENCORE_VEC {

namespace {

struct Scratch {
  // All queries, tile by tile: transposed [width][kTile], and in pairs along the queries [kTile / kPair][D].
  float *q, *dout, *q_pairs, *dout_pairs;
  float *lse, *delta;  // [queries]; rows past the end have lse = inf, which makes their probabilities 0
  float* dq;           // [queries][D], without the scale
  // One tile of keys.
  float *k, *v, *k_pairs;          // rows [kTile][width]; pairs along the keys [kTile / kPair][D]
  float *dk, *dv;                  // [kTile][D]
  float *probabilities, *dscores;  // [kTile keys][kTile queries / kPair]
  float* dscore_pairs;             // [kTile keys / kPair][kTile queries]
  float* rows;                     // a tile in row-major form, before it is transposed or paired
};

template <class M>
constexpr int64_t kRowDwords = kTile / M::kPair;

// delta = sum over columns of dout * out.
template <class T>
ENCORE_INLINE float row_product(const T* a, const T* b, int64_t n) {
  VF sum = vzero();
  for (int64_t i = 0; i < n; i += kLanes) sum = vfma(vload(a + i), vload(b + i), sum);
  return vsum(sum);
}

template <class M>
void pack_queries(const AttentionHeadBackward& a, const Scratch& s) {
  using T = typename M::Element;
  const AttentionHead& h = a.head;
  const int64_t d = h.head_size, width = d / M::kPair;
  for (int64_t first = 0; first < h.queries; first += kTile) {
    const int64_t n = at_most(kTile, h.queries - first), padded = round_up(n, 16);
    const auto pack = [&](const HeadRows& from, float* transposed, float* pairs) {
      float* rows = M::kPair == 1 ? pairs + first * d : s.rows;
      pack_rows<M>((const T*)from.data + first * from.ld, from.ld, n, padded, h.head_size, rows);
      transpose(rows, padded, width, transposed + first * width);
      pack_pairs<M>(rows, padded, h.head_size, pairs + first / M::kPair * d);
    };
    pack(h.q, s.q, s.q_pairs);
    pack(a.dout, s.dout, s.dout_pairs);
    for (int64_t r = first; r < first + padded; ++r) {
      const bool real = r < h.queries && h.lse[r] != -INFINITY;
      s.lse[r] = real ? h.lse[r] : INFINITY;
      s.delta[r] =
          real ? row_product((const T*)a.dout.data + r * a.dout.ld, (const T*)a.out.data + r * a.out.ld, d) : 0;
    }
  }
}

// A score's probability and gradient in registers.
struct Gradient {
  VF kept, dscore;
};
template <class M>
ENCORE_INLINE Gradient differentiate(const AttentionHead& a, VF score, VF dp, VF lse, VF delta, const KeepTile* keep,
                                     int64_t j, int64_t key) {
  const VF p = probability<M>(score, vset(a.scale), lse);
  if (!keep) return {p, p * (dp - delta)};
  return {vkept(p, *keep, j, key), p * (vkept(dp * vset(a.draws.scale), *keep, j, key) - delta)};
}

// Stores the probabilities of two keys row by row, with pairs along the queries.
template <class M>
ENCORE_INLINE void store_rows(float* rows, int64_t key, int64_t j, VF even, VF odd) {
  if constexpr (M::kPair == 1) {
    vstore(rows + key * kTile + j * kLanes, even);
    vstore(rows + (key + 1) * kTile + j * kLanes, odd);
  } else {
#ifdef ENCORE_VEC_BF16
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(odd, even);
    uint16_t* to = (uint16_t*)rows + key * kTile + j * kLanes;
    _mm256_storeu_si256((__m256i*)to, _mm512_castsi512_si256(both));
    _mm256_storeu_si256((__m256i*)(to + kTile), _mm512_extracti64x4_epi64(both, 1));
#endif
  }
}

// Probabilities and score gradients of a tile: kGroup keys at a time, from S^T = K Q^T and dP^T = V dO^T.
template <class M>
ENCORE_INLINE void score_gradients(const AttentionHead& a, const Scratch& s, int64_t first_key, int64_t keys,
                                   int64_t first_query, int64_t vectors, const KeepTile* keep) {
  const int64_t width = a.head_size / M::kPair;
  const float *q = s.q + first_query * width, *dout = s.dout + first_query * width;
  const float *lse = s.lse + first_query, *delta = s.delta + first_query;
  multiply_all<M>(
      round_up(keys, kGroup), vectors, {s.v, width, 1}, dout, kTile, width, [&](int64_t i0, int64_t j0, auto& dp) {
        constexpr int kCount = int(sizeof(dp[0]) / sizeof(VF));
        VF score[kGroup][kCount];
        float waiting[kGroup][kCount][kLanes];
#pragma GCC unroll 8
        for (int i = 0; i < kGroup; ++i)
#pragma GCC unroll 8
          for (int j = 0; j < kCount; ++j) vstore(waiting[i][j], dp[i][j]);
        multiply<M, kCount>(score, {s.k + i0 * width, width, 1}, q + j0 * kLanes, kTile, width);
#pragma GCC unroll 8
        for (int i = 0; i < kGroup; i += 2)
#pragma GCC unroll 8
          for (int j = 0; j < kCount; ++j) {
            const VF l = vload(lse + (j0 + j) * kLanes), e = vload(delta + (j0 + j) * kLanes);
            Gradient g[2];
#pragma GCC unroll 2
            for (int b = 0; b < 2; ++b) {
              const int64_t key = i0 + i + b;
              g[b] = differentiate<M>(a, score[i + b][j], vload(waiting[i + b][j]), l, e, keep, j0 + j, key);
              if (key >= keys || (a.visible && !a.visible[first_key + key])) g[b] = {vzero(), vzero()};
            }
            store_rows<M>(s.probabilities, i0 + i, j0 + j, g[0].kept, g[1].kept);
            store_rows<M>(s.dscores, i0 + i, j0 + j, g[0].dscore, g[1].dscore);
            if constexpr (M::kPair == 2)
              store_pair<M>(s.dscore_pairs + (i0 + i) / 2 * kTile + (j0 + j) * kLanes, g[0].dscore, g[1].dscore);
          }
      });
}

template <class M>
void write_rows(const float* from, int64_t rows, int64_t d, float factor, HeadRows to, int64_t first) {
  using T = typename M::Element;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < d; i += kLanes)
      vstore((T*)to.data + (first + r) * to.ld + i, vload(from + r * d + i) * vset(factor));
}

template <class M>
void key_tile(const AttentionHeadBackward& a, const Scratch& s, const PhiloxKeys& draws, int64_t first) {
  using T = typename M::Element;
  const AttentionHead& h = a.head;
  const int64_t d = h.head_size, keys = at_most(kTile, a.last_key - first), padded = round_up(keys, kGroup);
  pack_rows<M>((const T*)h.k.data + first * h.k.ld, h.k.ld, keys, padded, h.head_size, s.k);
  pack_rows<M>((const T*)h.v.data + first * h.v.ld, h.v.ld, keys, padded, h.head_size, s.v);
  const float* k_pairs = pack_pairs<M>(s.k, padded, h.head_size, s.k_pairs);
  memset(s.dk, 0, size_t(kTile * d) * 4);
  memset(s.dv, 0, size_t(kTile * d) * 4);
  KeepTile keep;
  for (int64_t r = 0; r < h.queries; r += kTile) {
    const int64_t queries = at_most(kTile, h.queries - r), rows = round_up(queries, 16);
    if (h.draws.threshold) {
      keep_tile(draws, h, r, queries, first, keys, keep);
      score_gradients<M>(h, s, first, keys, r, rows / kLanes, &keep);
    } else {
      score_gradients<M>(h, s, first, keys, r, rows / kLanes, nullptr);
    }
    const int64_t vectors = d / kLanes, steps = rows / M::kPair;
    const float *q_pairs = s.q_pairs + r / M::kPair * d, *dout_pairs = s.dout_pairs + r / M::kPair * d;
    add_product<M>(padded, vectors, {s.probabilities, kRowDwords<M>, 1}, dout_pairs, d, steps, s.dv, d);
    add_product<M>(padded, vectors, {s.dscores, kRowDwords<M>, 1}, q_pairs, d, steps, s.dk, d);
    add_product<M>(rows, vectors, {s.dscore_pairs, 1, kTile}, k_pairs, d, padded / M::kPair, s.dq + r * d, d);
  }
  write_rows<M>(s.dk, keys, d, h.scale, a.dk, first);
  write_rows<M>(s.dv, keys, d, h.draws.threshold ? h.draws.scale : 1, a.dv, first);
}

template <class M>
void backward(const AttentionHeadBackward& a, void* memory) {
  const AttentionHead& h = a.head;
  const int64_t d = h.head_size, queries = round_up(h.queries, kTile);
  Scratch s;
  float* at = (float*)memory;
  const auto take = [&](int64_t count) { return at += count, at - count; };
  float** const key_tiles[] = {&s.k, &s.v, &s.k_pairs, &s.dk, &s.dv, &s.rows};
  for (float** tile : key_tiles) *tile = take(kTile * d);
  float** const score_tiles[] = {&s.probabilities, &s.dscores, &s.dscore_pairs};
  for (float** tile : score_tiles) *tile = take(kTile * kTile);
  if (M::kPair == 1) s.dscore_pairs = s.dscores;
  float** const all_queries[] = {&s.q, &s.dout, &s.q_pairs, &s.dout_pairs};
  for (float** all : all_queries) *all = take(queries * d / M::kPair);
  s.lse = take(queries);
  s.delta = take(queries);
  s.dq = a.dq_part ? a.dq_part : take(queries * d);
  pack_queries<M>(a, s);
  memset(s.dq, 0, size_t(round_up(h.queries, 16) * d) * 4);
  const PhiloxKeys draws = philox_keys(h.draws.seed);
  for (int64_t c = a.first_key; c < a.last_key; c += kTile) key_tile<M>(a, s, draws, c);
  if (!a.dq_part) write_rows<M>(s.dq, h.queries, d, h.scale, a.dq, 0);
}

}  // namespace

void attention_backward_f32(const AttentionHeadBackward& a, void* scratch) {
  backward<FloatMode>(a, scratch);
}
void attention_backward_bf16(const AttentionHeadBackward& a, void* scratch) {
  backward<HalfMode>(a, scratch);
}

}  // namespace encore::cpu::ENCORE_VEC
