// Attention written out, every score, probability and gradient one after the other: in double precision for the exact
// result, and in single precision with the roundings of a 16-bit implementation for the tolerance.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/base/rng.h"

namespace encore::reference {

struct AttentionProblem {
  int heads = 1, head_size = 32;
  double scale = 1;
  std::vector<int> starts, starts_q;  // [N+1]
  std::vector<int> position;          // of each query row
  std::vector<bool> visible;          // of each key row
  float p = 0;
  uint64_t seed = 0;
  uint32_t layer = 0;
  std::vector<uint64_t> example_keys;
  std::vector<double> q, k, v, dout;  // [R, A D], [T, A D], [T, A D], [R, A D]
};

struct AttentionResult {
  std::vector<double> out, lse, dq, dk, dv;  // lse [A, R]
};

// True if dropout keeps the score of this row and column (the layout is that of kernels/base/rng.h).
inline bool attention_kept(uint64_t seed, uint64_t example, uint32_t layer, int head, int row, int column, float p) {
  const int g = row % 8, h = row / 8 % 2, o = column % 32 / 8, t = column % 8 / 2, e = column % 2;
  const PhiloxDraw d = draw(seed, example, draw_site(layer, Site::kAttentionProbabilities, uint32_t(head)),
                            attention_block(uint32_t(row) / 16, uint32_t(column) / 32, uint32_t(4 * g + t)));
  return (d.word[o] >> (8 * (2 * h + e)) & 255) >= uint32_t(std::lround(256.0 * double(p)));
}

// Real: type of every sum. round: rounds a probability or a score's gradient as storing it does. store: rounds a result
// as storing it does.
template <class Real, class Round, class Store>
AttentionResult attention(const AttentionProblem& a, Round round, Store store) {
  const size_t width = size_t(a.heads) * size_t(a.head_size), rows = a.position.size(), d = size_t(a.head_size);
  AttentionResult out{std::vector<double>(rows * width), std::vector<double>(rows * size_t(a.heads)),
                      std::vector<double>(rows * width), std::vector<double>(a.k.size()),
                      std::vector<double>(a.v.size())};
  const Real keep_scale = a.p > 0 ? Real(256.0 / (256.0 - double(std::lround(256.0 * double(a.p))))) : Real(1);
  std::vector<Real> dq(out.dq.size()), dk(out.dk.size()), dv(out.dv.size());
  for (size_t n = 0; n + 1 < a.starts.size(); ++n)
    for (int head = 0; head < a.heads; ++head)
      for (int r = a.starts_q[n]; r < a.starts_q[n + 1]; ++r) {
        const size_t keys = size_t(a.starts[n + 1] - a.starts[n]);
        const auto key = [&](size_t c) { return (size_t(a.starts[n]) + c) * width + size_t(head) * d; };
        const size_t query = size_t(r) * width + size_t(head) * d;
        std::vector<Real> score(keys, Real(-INFINITY)), probability(keys), dprobability(keys);
        std::vector<bool> kept(keys, true);
        Real most = Real(-INFINITY), sum = 0;
        for (size_t c = 0; c < keys; ++c) {
          if (!a.visible.empty() && !a.visible[size_t(a.starts[n]) + c]) continue;
          Real dot = 0;
          for (size_t i = 0; i < d; ++i) dot += Real(a.q[query + i]) * Real(a.k[key(c) + i]);
          score[c] = dot * Real(a.scale);
          most = std::max(most, score[c]);
          if (a.p > 0)
            kept[c] = attention_kept(a.seed, a.example_keys[n], a.layer, head, a.position[size_t(r)], int(c), a.p);
        }
        const size_t lse = size_t(head) * rows + size_t(r);
        if (most == Real(-INFINITY)) {
          out.lse[lse] = -INFINITY;
          continue;
        }
        for (size_t c = 0; c < keys; ++c) sum += probability[c] = std::exp(score[c] - most);
        out.lse[lse] = double(most + std::log(sum));
        Real delta = 0;
        for (size_t i = 0; i < d; ++i) {
          Real o = 0;
          for (size_t c = 0; c < keys; ++c)
            if (kept[c]) o += Real(round(double(probability[c]))) * Real(a.v[key(c) + i]);
          out.out[query + i] = store(double(o / sum * keep_scale));
          delta += Real(a.dout[query + i]) * Real(out.out[query + i]);
        }
        for (size_t c = 0; c < keys; ++c) {
          // Computed again from lse, as in every implementation that saves only lse.
          const Real p = std::exp(score[c] - Real(out.lse[lse])), p_stored = kept[c] ? Real(round(double(p))) : Real(0);
          Real dp = 0;
          for (size_t i = 0; i < d; ++i) {
            dp += Real(a.dout[query + i]) * Real(a.v[key(c) + i]);
            dv[key(c) + i] += p_stored * keep_scale * Real(a.dout[query + i]);
          }
          const Real ds = Real(round(double(p * ((kept[c] ? dp * keep_scale : Real(0)) - delta))));
          for (size_t i = 0; i < d; ++i) {
            dq[query + i] += ds * Real(a.scale) * Real(a.k[key(c) + i]);
            dk[key(c) + i] += ds * Real(a.scale) * Real(a.q[query + i]);
          }
        }
      }
  for (size_t i = 0; i < dq.size(); ++i) out.dq[i] = store(double(dq[i]));
  for (size_t i = 0; i < dk.size(); ++i) out.dk[i] = store(double(dk[i])), out.dv[i] = store(double(dv[i]));
  return out;
}

inline AttentionResult attention(const AttentionProblem& a) {
  const auto exact = [](double x) { return x; };
  return attention<double>(a, exact, exact);
}

}  // namespace encore::reference
