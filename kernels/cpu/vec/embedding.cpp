#include "kernels/cpu/vec/embedding.h"

#include "kernels/cpu/vec/norm_row.h"

namespace encore::cpu::ENCORE_VEC {

// The rows of the three tables that token t adds up.
template <class T>
struct TokenRows {
  const T *word, *position, *type;

  __attribute__((always_inline)) TokenRows(const EmbeddingTables& a, int64_t t)
      : word(row_of<T>(a.word, a.ids[t])),
        position(row_of<T>(a.position, a.position_ids[t])),
        type(row_of<T>(a.type, a.type_ids ? a.type_ids[t] : 0)) {}
  template <class M>
  __attribute__((always_inline)) VF sum(int64_t c, M m) const {
    return vload(word + c, m) + vload(type + c, m) + vload(position + c, m);
  }
};

template <class T>
static void embedding_forward_rows(const EmbeddingTables& a, const VecMatrix& y, int64_t begin, int64_t end,
                                   float* row) {
  const bool drop = a.dropout.threshold > 0;
  const PhiloxKeys keys = philox_keys(a.dropout.seed);
  RowKeep keep;
  for (int64_t t = begin; t < end; ++t) {
    if (drop) dropout_row(a.dropout, keys, t, a.cols, keep);
    const TokenRows<T> rows(a, t);
    Sum4 total;
    for_columns(a.cols, [&](int64_t c, auto m, int k) ENCORE_LAMBDA {
      const VF u = rows.sum(c, m);
      vstore(row + c, u, m);
      total.part[k] += u;
    });
    const NormStatistics s = norm_statistics(row, a.cols, vsum(total), a.eps);
    a.mean[t] = s.mean;
    a.rstd[t] = s.rstd;
    T* out = row_of<T>(y, t);
    for_columns(a.cols, [&](int64_t c, auto m, int) ENCORE_LAMBDA {
      const VF normed = (vload(row + c, m) - vset(s.mean)) * vset(s.rstd);
      VF v = vfma(normed, vload(a.gamma + c, m), vload(a.beta + c, m));
      if (drop) v = vdropout(v, keep, c, vset(a.dropout.scale));
      vstore(out + c, v, m);
    });
  }
}

template <class T>
static void embedding_backward_rows(const EmbeddingTables& a, const VecMatrix& dy, int64_t begin, int64_t end,
                                    float* dgamma, float* dbeta, float* dtype) {
  const bool drop = a.dropout.threshold > 0;
  const PhiloxKeys keys = philox_keys(a.dropout.seed);
  RowKeep keep;
  for (int64_t t = begin; t < end; ++t) {
    if (drop) dropout_row(a.dropout, keys, t, a.cols, keep);
    const TokenRows<T> rows(a, t);
    T* d = row_of<T>(dy, t);
    float* dtype_row = dtype + (a.type_ids ? a.type_ids[t] : 0) * a.cols;
    norm_backward(
        a.cols, {a.mean[t], a.rstd[t]}, a.gamma, dgamma, dbeta,
        [&](int64_t c, auto m) ENCORE_LAMBDA {
          const VF g = vload(d + c, m);
          return drop ? vdropout(g, keep, c, vset(a.dropout.scale)) : g;
        },
        [&](int64_t c, auto m) ENCORE_LAMBDA { return rows.sum(c, m); },
        [&](int64_t c, auto m, VF g) ENCORE_LAMBDA {
          vstore(d + c, g, m);
          vstore(dtype_row + c, vload(dtype_row + c, m) + g, m);
        });
  }
}

template <class T>
static void add_rows_rows(const VecMatrix& d, int64_t cols, const int32_t* order, int64_t count, float* out) {
  for_columns(cols, [&](int64_t c, auto m, int) ENCORE_LAMBDA {
    VF total = vzero();
    for (int64_t i = 0; i < count; ++i) total += vload(row_of<T>(d, order[i]) + c, m);
    vstore(out + c, vload(out + c, m) + total, m);
  });
}

ENCORE_VEC_DEFINE_FLOATS(embedding_forward,
                         (const EmbeddingTables& a, const VecMatrix& y, int64_t begin, int64_t end, float* row),
                         (a, y, begin, end, row));
ENCORE_VEC_DEFINE_FLOATS(embedding_backward,
                         (const EmbeddingTables& a, const VecMatrix& dy, int64_t begin, int64_t end, float* dgamma,
                          float* dbeta, float* dtype),
                         (a, dy, begin, end, dgamma, dbeta, dtype));
ENCORE_VEC_DEFINE_FLOATS(add_rows, (const VecMatrix& d, int64_t cols, const int32_t* order, int64_t count, float* out),
                         (d, cols, order, count, out));

}  // namespace encore::cpu::ENCORE_VEC
