#include "kernels/cpu/vec/bag_likelihood.h"

#include "kernels/cpu/vec/columns.h"

namespace encore::cpu::ENCORE_VEC {

void batch_statistics(const BagMatrix& a, const BatchNorm& n, int64_t begin, int64_t end) {
  const float per_document = 1.f / float(a.documents);
  const float unbiased = float(a.documents) / float(a.documents - 1);
  for (int64_t w = begin; w < end; ++w) {
    const float* x = a.x + w * a.ld;
    Sum4 sum, squares;
    for_columns(a.documents, [&](int64_t c, auto m, int k) ENCORE_LAMBDA { sum.part[k] += vload(x + c, m); });
    const float mean = vsum(sum) * per_document;
    for_columns(a.documents, [&](int64_t c, auto m, int k) ENCORE_LAMBDA {
      const VF centred = vwithin(vload(x + c, m) - vset(mean), m);
      squares.part[k] = vfma(centred, centred, squares.part[k]);
    });
    const float variance = vsum(squares) * per_document;
    a.shift[w] = mean;
    a.rstd[w] = 1.f / sqrtf(variance + n.eps);
    n.running_mean[w] += n.momentum * ((mean + n.background[w]) - n.running_mean[w]);
    n.running_variance[w] += n.momentum * (variance * unbiased - n.running_variance[w]);
  }
}

void running_statistics(const BagMatrix& a, const BatchNorm& n, int64_t begin, int64_t end) {
  for (int64_t w = begin; w < end; ++w) {
    a.shift[w] = n.running_mean[w] - n.background[w];
    a.rstd[w] = 1.f / sqrtf(n.running_variance[w] + n.eps);
  }
}

// The documents c .. c + kVectors lanes of the words begin .. end-1: sums stay in registers, and the words are read
// twice, from the cache the second time.
template <int kVectors, class Mask>
ENCORE_INLINE void softmax_columns(const BagMatrix& a, const BagSoftmax& s, int64_t begin, int64_t end, int64_t c,
                                   Mask mask) {
  const auto y_of = [&](int64_t w, int k) ENCORE_LAMBDA {
    return vfma(vload(a.x + w * a.ld + c + k * kLanes, mask) - vset(a.shift[w]), vset(a.rstd[w]), vset(a.bias[w]));
  };
  VF largest[kVectors], sum[kVectors];
  for (int k = 0; k < kVectors; ++k) largest[k] = vset(-INFINITY), sum[k] = vzero();
  for (int64_t w = begin; w < end; ++w)
    for (int k = 0; k < kVectors; ++k) largest[k] = vmax(largest[k], y_of(w, k));
  for (int64_t w = begin; w < end; ++w)
    for (int k = 0; k < kVectors; ++k) sum[k] += vexp(y_of(w, k) - largest[k]);
  for (int k = 0; k < kVectors; ++k) {
    vstore(s.largest + c + k * kLanes, largest[k], mask);
    vstore(s.sums + c + k * kLanes, sum[k], mask);
  }
}

void bag_softmax(const BagMatrix& a, const BagSoftmax& s, int64_t begin, int64_t end) {
  int64_t c = 0;
  for (; c + 4 * kLanes <= a.documents; c += 4 * kLanes) softmax_columns<4>(a, s, begin, end, c, All{});
  for (; c + kLanes <= a.documents; c += kLanes) softmax_columns<1>(a, s, begin, end, c, All{});
  if (c < a.documents) softmax_columns<1>(a, s, begin, end, c, vfirst(int(a.documents - c)));
}

void combine_softmax(const BagSoftmax& s, int64_t parts, int64_t stride, int64_t begin, int64_t end, float* lse) {
  for_columns(end - begin, [&](int64_t offset, auto m, int) ENCORE_LAMBDA {
    const int64_t c = begin + offset;
    VF largest = vset(-INFINITY);
    for (int64_t i = 0; i < parts; ++i) largest = vmax(largest, vload(s.largest + i * stride + c, m));
    VD low = {}, high = {};
    for (int64_t i = 0; i < parts; ++i) {
      const VF sum = vload(s.sums + i * stride + c, m) * vexp(vload(s.largest + i * stride + c, m) - largest);
      low += vlow_doubles(sum);
      high += vhigh_doubles(sum);
    }
    double sums[kLanes];
    float top[kLanes];
    memcpy(sums, &low, sizeof low);
    memcpy(sums + kLanes / 2, &high, sizeof high);
    vstore(top, largest);
    for (int64_t i = 0; i < kLanes && offset + i < end - begin; ++i) lse[c + i] = float(double(top[i]) + log(sums[i]));
  });
}

void bag_gradient(const BagMatrix& a, const BagGradient& g, int64_t begin, int64_t end, float* dy) {
  const float per_document = 1.f / float(a.documents);
  for (int64_t w = begin; w < end; ++w) {
    float* x = a.x + w * a.ld;
    const float shift = a.shift[w], rstd = a.rstd[w];
    const VF vshift = vset(shift), vrstd = vset(rstd), bias = vset(a.bias[w]);
    Sum4 sums, products;
    for_columns(a.documents, [&](int64_t c, auto m, int k) ENCORE_LAMBDA {
      const VF normal = (vload(x + c, m) - vshift) * vrstd;
      const VF d = vwithin(vexp((normal + bias) - vload(g.lse + c, m)) * vload(g.weight + c, m), m);
      vstore(dy + c, d, m);
      sums.part[k] += d;
      products.part[k] = vfma(d, normal, products.part[k]);
    });
    // In double: a word may have hundreds of entries, whose sum nearly cancels that of the softmax.
    double entries = 0, entry_products = 0;
    for (int32_t e = g.word_start[w]; e < g.word_start[w + 1]; ++e) {
      const int32_t r = g.document[e];
      const float d = g.scale * g.value[e];
      dy[r] += d;
      entries += double(d);
      entry_products += double(d) * double((x[r] - shift) * rstd);
    }
    const float sum = float(double(vsum(sums)) + entries), product = float(double(vsum(products)) + entry_products);
    g.dbias[w] += sum;
    const VF mean = vset(sum * per_document), slope = vset(product * per_document * rstd);
    for_columns(a.documents, [&](int64_t c, auto m, int) ENCORE_LAMBDA {
      const VF d = vfnma(vload(x + c, m) - vshift, slope, vload(dy + c, m) - mean);
      vstore(x + c, d * vrstd, m);
    });
  }
}

}  // namespace encore::cpu::ENCORE_VEC
