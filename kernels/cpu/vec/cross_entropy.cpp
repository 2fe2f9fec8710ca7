#include "kernels/cpu/vec/cross_entropy.h"

#include "kernels/cpu/vec/columns.h"

namespace encore::cpu::ENCORE_VEC {

// A piece of a row. Its exponentials are taken relative to its own largest logit while it is still in the L1 cache, so
// that the logits are read from memory once.
constexpr int64_t kPiece = 2048;
constexpr int64_t kMaxPieces = kMaxClasses / kPiece;

template <class T>
ENCORE_INLINE float value_at(const T* p) {
  float lane[kLanes];
  vstore(lane, vload(p, vfirst(1)));
  return lane[0];
}

struct Piece {
  float reference;  // the largest logit of the piece, which was subtracted
  float factor;     // e^(reference - row's largest)
  float sum;
};

// room = exp(u - reference) over n columns, u = logits + bias.
template <class T>
ENCORE_INLINE Piece exponentials(const T* logits, const float* bias, int64_t n, float* room) {
  VF largest[4] = {vset(-INFINITY), vset(-INFINITY), vset(-INFINITY), vset(-INFINITY)};
  for_columns(n, [&](int64_t c, auto m, int k) ENCORE_LAMBDA {
    VF u = vload(logits + c, m);
    if (bias) u += vload(bias + c, m);
    vstore(room + c, u, m);
    largest[k] = vmax(largest[k], vlanes_or(u, m, -INFINITY));
  });
  const float top = vlargest(vmax(vmax(largest[0], largest[1]), vmax(largest[2], largest[3])));
  const VF reference = vset(top == -INFINITY ? 0.f : top);
  Sum4 sum;
  for_columns(n, [&](int64_t c, auto m, int k) ENCORE_LAMBDA {
    const VF e = vexp2((vload(room + c, m) - reference) * vset(1.44269504089f));
    vstore(room + c, e, m);
    sum.part[k] += vwithin(e, m);
  });
  return {top, 1.f, vsum(sum)};
}

// True if no column before the label has the same logit. REQUIRES: the label's logit is the largest.
template <class T>
static bool first_of_largest(const CrossEntropyRow& a, float largest) {
  const T* logits = (const T*)a.logits;
  for (int64_t c = 0; c < a.label; ++c)
    if (value_at(logits + c) + (a.bias ? a.bias[c] : 0.f) == largest) return false;
  return true;
}

template <class T>
static void write_gradient(const CrossEntropyRow& a, const Piece* pieces, float per_sum, float at_label) {
  T* out = (T*)a.logits;
  float* dbias = a.dbias;
  const float dbias_at_label = dbias ? dbias[a.label] + at_label : 0.f;
  for (int64_t first = 0, i = 0; first < a.classes; first += kPiece, ++i) {
    const VF factor = vset(pieces[i].factor * per_sum);
    const float* room = a.room + first;
    const int64_t n = a.classes - first < kPiece ? a.classes - first : kPiece;
    for_columns(n, [&](int64_t c, auto m, int) ENCORE_LAMBDA {
      const VF g = vload(room + c, m) * factor;
      vstore(out + first + c, g, m);
      if (dbias) vstore(dbias + first + c, vload(dbias + first + c, m) + g, m);
    });
  }
  vstore(out + a.label, vset(at_label), vfirst(1));
  if (dbias) dbias[a.label] = dbias_at_label;
  memset(out + a.classes, 0, size_t(a.padded - a.classes) * sizeof(T));
}

template <class T>
static CrossEntropyResult cross_entropy_row(const CrossEntropyRow& a) {
  const T* logits = (const T*)a.logits;
  Piece pieces[kMaxPieces];
  int64_t count = 0;
  float largest = -INFINITY;
  for (int64_t first = 0; first < a.classes; first += kPiece, ++count) {
    const int64_t n = a.classes - first < kPiece ? a.classes - first : kPiece;
    pieces[count] = exponentials(logits + first, a.bias ? a.bias + first : nullptr, n, a.room + first);
    if (pieces[count].reference > largest) largest = pieces[count].reference;
  }
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    Piece& p = pieces[i];
    p.factor = p.reference == -INFINITY ? 0.f : expf(p.reference - largest);
    sum += double(p.factor) * double(p.sum);
  }
  const float u = value_at(logits + a.label) + (a.bias ? a.bias[a.label] : 0.f);
  CrossEntropyResult result;
  result.loss = float(log(sum) + (double(largest) - double(u)));
  result.correct = u == largest && first_of_largest<T>(a, largest);
  if (!a.loss_only) {
    const double probability = double(a.room[a.label]) * double(pieces[a.label / kPiece].factor) / sum;
    write_gradient<T>(a, pieces, float(double(a.grad_scale) / sum), float((probability - 1) * double(a.grad_scale)));
  }
  return result;
}

CrossEntropyResult cross_entropy_f32(const CrossEntropyRow& a) {
  return cross_entropy_row<float>(a);
}
CrossEntropyResult cross_entropy_bf16(const CrossEntropyRow& a) {
  return cross_entropy_row<uint16_t>(a);
}

}  // namespace encore::cpu::ENCORE_VEC
