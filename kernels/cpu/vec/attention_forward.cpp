#include "kernels/cpu/vec/attention.h"
#include "kernels/cpu/vec/attention_keep.h"
#include "kernels/cpu/vec/attention_tile.h"

namespace encore::cpu::ENCORE_VEC {

namespace {

struct Scratch {
  float *keys, *values;           // all keys: rows [keys][width] and pairs [keys / kPair][D]
  float *rows, *q;                // a tile of queries: rows [kTile][width], transposed [width][kTile]
  float *scores, *probabilities;  // [kTile keys][kTile queries], pairs along the keys
  float* out;                     // [kTile][D]
};

// Softmax state of the queries of a tile.
struct Rows {
  float largest[kTile], sum[kTile], rescale[kTile];
};

// scores = K Q^T for `keys` rows; the largest score of each query.
template <class M>
void score_tile(const AttentionHead& a, const Scratch& s, int64_t first_key, int64_t keys, int64_t vectors,
                float (&largest)[kTile]) {
  const int64_t width = a.head_size / M::kPair;
  const Left k{s.keys + first_key * width, width, 1};
  for (int64_t j = 0; j < vectors; ++j) vstore(largest + j * kLanes, vset(-INFINITY));
  multiply_all<M>(round_up(keys, kGroup), vectors, k, s.q, kTile, width, [&](int64_t i0, int64_t j0, auto& sum) {
    constexpr int kCount = int(sizeof(sum[0]) / sizeof(VF));
    // The rows that pad the last group are not keys.
    const int64_t missing = i0 + kGroup - keys;
#pragma GCC unroll 8
    for (int j = 0; j < kCount; ++j) {
      float* most = largest + (j0 + j) * kLanes;
#pragma GCC unroll 8
      for (int i = 0; i < kGroup; ++i) {
        VF score = sum[i][j];
        if (kGroup - i <= missing || (a.visible && !a.visible[first_key + i0 + i])) score = vset(-INFINITY);
        sum[i][j] = score;
        vstore(s.scores + (i0 + i) * kTile + (j0 + j) * kLanes, score);
      }
      vstore(most, vmax(vload(most), vmax(vmax(sum[0][j], sum[1][j]), vmax(sum[2][j], sum[3][j]))));
    }
  });
}

// probabilities = e^(factor scores - largest), 0 where dropped. The sums include the dropped ones.
template <class M>
ENCORE_INLINE void exponentiate(const Scratch& s, int64_t keys, int64_t j, VF factor, VF largest, const KeepTile* keep,
                                VF& sum) {
  for (int64_t c = 0; c < keys; c += 2) {
    const float* from = s.scores + c * kTile + j * kLanes;
    VF even = probability<M>(vload(from), factor, largest);
    VF odd = vzero();
    sum = sum + even;
    if (c + 1 < keys) {
      odd = probability<M>(vload(from + kTile), factor, largest);
      sum = sum + odd;
    }
    if (keep) {
      even = vkept(even, *keep, j, c);
      odd = vkept(odd, *keep, j, c + 1);
    }
    store_pair<M>(s.probabilities + c / M::kPair * kTile + j * kLanes, even, odd);
  }
}

template <class M>
void softmax_tile(const AttentionHead& a, const Scratch& s, int64_t keys, int64_t vectors,
                  const float (&tile_largest)[kTile], const KeepTile* keep, Rows& rows) {
  const VF factor = vset(a.scale);
  for (int64_t j = 0; j < vectors; ++j) {
    const VF before = vload(rows.largest + j * kLanes);
    const VF largest = vmax(before, vload(tile_largest + j * kLanes) * factor);
    // A row that has seen no key yet has the largest score -inf: subtract 0 instead, or NaN would result.
    const VF base = vselect(vless(vset(-INFINITY), largest), largest, vzero());
    const VF rescale = vexp(before - base);
    VF sum = vload(rows.sum + j * kLanes) * rescale;
    if (keep)
      exponentiate<M>(s, keys, j, factor, base, keep, sum);
    else
      exponentiate<M>(s, keys, j, factor, base, nullptr, sum);
    vstore(rows.largest + j * kLanes, largest);
    vstore(rows.rescale + j * kLanes, rescale);
    vstore(rows.sum + j * kLanes, sum);
  }
}

// out = out * rescale + P V
template <class M>
void weigh_values(const AttentionHead& a, const Scratch& s, int64_t first_key, int64_t keys, int64_t queries,
                  const Rows& rows) {
  const int64_t d = a.head_size;
  const Left p{s.probabilities, 1, kTile};
  multiply_all<M>(queries, d / kLanes, p, s.values + first_key / M::kPair * d, d, (keys + M::kPair - 1) / M::kPair,
                  [&](int64_t i0, int64_t j0, auto& sum) {
                    constexpr int kCount = int(sizeof(sum[0]) / sizeof(VF));
#pragma GCC unroll 8
                    for (int i = 0; i < kGroup; ++i) {
                      const VF rescale = vset(rows.rescale[i0 + i]);
#pragma GCC unroll 8
                      for (int j = 0; j < kCount; ++j) {
                        float* to = s.out + (i0 + i) * d + (j0 + j) * kLanes;
                        vstore(to, vfma(vload(to), rescale, sum[i][j]));
                      }
                    }
                  });
}

template <class M>
void query_tile(const AttentionHead& a, const Scratch& s, const PhiloxKeys& draws, int64_t first, HeadRows out) {
  using T = typename M::Element;
  const int64_t d = a.head_size, width = d / M::kPair;
  const int64_t queries = at_most(kTile, a.queries - first), padded = round_up(queries, 16), vectors = padded / kLanes;
  pack_rows<M>((const T*)a.q.data + first * a.q.ld, a.q.ld, queries, padded, a.head_size, s.rows);
  transpose(s.rows, padded, width, s.q);
  memset(s.out, 0, size_t(padded * d) * 4);
  Rows rows;
  for (int64_t i = 0; i < padded; ++i) rows.largest[i] = -INFINITY, rows.sum[i] = 0;
  KeepTile keep;
  float largest[kTile];
  for (int64_t c = 0; c < a.keys; c += kTile) {
    const int64_t keys = at_most(kTile, a.keys - c);
    score_tile<M>(a, s, c, keys, vectors, largest);
    if (a.draws.threshold) keep_tile(draws, a, first, queries, c, keys, keep);
    softmax_tile<M>(a, s, keys, vectors, largest, a.draws.threshold ? &keep : nullptr, rows);
    weigh_values<M>(a, s, c, keys, padded, rows);
  }
  for (int64_t r = 0; r < queries; ++r) {
    const float sum = rows.sum[r];
    a.lse[first + r] = sum == 0 ? -INFINITY : rows.largest[r] + logf(sum);
    const VF factor = vset(sum == 0 ? 0 : a.draws.scale / sum);
    T* to = (T*)out.data + (first + r) * out.ld;
    for (int64_t i = 0; i < d; i += kLanes) vstore(to + i, vload(s.out + r * d + i) * factor);
  }
}

template <class M>
void forward(const AttentionHead& a, HeadRows out, void* memory) {
  using T = typename M::Element;
  const int64_t d = a.head_size, width = d / M::kPair, keys = round_up(a.keys, kGroup);
  Scratch s;
  float* at = (float*)memory;
  const auto take = [&](int64_t count) { return at += count, at - count; };
  s.rows = take(kTile * d);
  s.q = take(kTile * d);
  s.scores = take(kTile * kTile);
  s.probabilities = take(kTile * kTile);
  s.out = take(kTile * d);
  s.keys = take(keys * width);
  float* rows = take(keys * width);
  s.values = take(keys * width);
  pack_rows<M>((const T*)a.k.data, a.k.ld, a.keys, keys, a.head_size, s.keys);
  pack_rows<M>((const T*)a.v.data, a.v.ld, a.keys, keys, a.head_size, rows);
  s.values = (float*)pack_pairs<M>(rows, keys, a.head_size, s.values);
  const PhiloxKeys draws = philox_keys(a.draws.seed);
  for (int64_t r = 0; r < a.queries; r += kTile) query_tile<M>(a, s, draws, r, out);
}

}  // namespace

void attention_forward_f32(const AttentionHead& a, HeadRows out, void* scratch) {
  forward<FloatMode>(a, out, scratch);
}
void attention_forward_bf16(const AttentionHead& a, HeadRows out, void* scratch) {
  forward<HalfMode>(a, out, scratch);
}

}  // namespace encore::cpu::ENCORE_VEC
