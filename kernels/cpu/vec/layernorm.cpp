#include "kernels/cpu/vec/layernorm.h"

#include "kernels/cpu/vec/norm_row.h"

namespace encore::cpu::ENCORE_VEC {

template <class T>
static void layernorm_forward_rows(const LayerNormForwardRows& a, int64_t begin, int64_t end, float* row) {
  const bool drop = a.dropout.threshold > 0;
  const PhiloxKeys keys = philox_keys(a.dropout.seed);
  RowKeep keep;
  for (int64_t r = begin; r < end; ++r) {
    if (drop) dropout_row(a.dropout, keys, r, a.cols, keep);
    const T* x = row_of<T>(a.x, r);
    const T* residual = a.residual.data ? row_of<T>(a.residual, r) : nullptr;
    T *sum = row_of<T>(a.sum, r), *y = row_of<T>(a.y, r);
    const float *bias = a.bias, *gamma = a.gamma, *beta = a.beta;
    Sum4 total;
    for_columns(a.cols, [&](int64_t c, auto m, int k) ENCORE_LAMBDA {
      VF u = vload(x + c, m);
      if (bias) u += vload(bias + c, m);
      if (drop) u = vdropout(u, keep, c, vset(a.dropout.scale));
      if (residual) u += vload(residual + c, m);
      vstore(row + c, u, m);
      vstore(sum + c, u, m);
      total.part[k] += u;
    });
    const NormStatistics s = norm_statistics(row, a.cols, vsum(total), a.eps);
    a.mean[r] = s.mean;
    a.rstd[r] = s.rstd;
    for_columns(a.cols, [&](int64_t c, auto m, int) ENCORE_LAMBDA {
      const VF normed = (vload(row + c, m) - vset(s.mean)) * vset(s.rstd);
      vstore(y + c, vfma(normed, vload(gamma + c, m), vload(beta + c, m)), m);
    });
  }
}

template <class T>
static void layernorm_backward_rows(const LayerNormBackwardRows& a, int64_t begin, int64_t end, float* dgamma,
                                    float* dbeta, float* dbias) {
  const bool drop = a.dropout.threshold > 0, branch = a.dx.data || dbias;
  const PhiloxKeys keys = philox_keys(a.dropout.seed);
  RowKeep keep;
  for (int64_t r = begin; r < end; ++r) {
    if (drop && branch) dropout_row(a.dropout, keys, r, a.cols, keep);
    const T *dy = row_of<T>(a.dy, r), *sum = row_of<T>(a.sum, r);
    T* dsum = row_of<T>(a.dsum, r);
    T* dx = a.dx.data ? row_of<T>(a.dx, r) : nullptr;
    norm_backward(
        a.cols, {a.mean[r], a.rstd[r]}, a.gamma, dgamma, dbeta,
        [&](int64_t c, auto m) ENCORE_LAMBDA { return vload(dy + c, m); },
        [&](int64_t c, auto m) ENCORE_LAMBDA { return vload(sum + c, m); },
        [&](int64_t c, auto m, VF d) ENCORE_LAMBDA {
          vstore(dsum + c, d, m);
          if (drop && branch) d = vdropout(d, keep, c, vset(a.dropout.scale));
          if (dx) vstore(dx + c, d, m);
          if (dbias) vstore(dbias + c, vload(dbias + c, m) + d, m);
        });
  }
}

ENCORE_VEC_DEFINE_FLOATS(layernorm_forward, (const LayerNormForwardRows& a, int64_t begin, int64_t end, float* row),
                         (a, begin, end, row));
ENCORE_VEC_DEFINE_FLOATS(layernorm_backward,
                         (const LayerNormBackwardRows& a, int64_t begin, int64_t end, float* dgamma, float* dbeta,
                          float* dbias),
                         (a, begin, end, dgamma, dbeta, dbias));

}  // namespace encore::cpu::ENCORE_VEC
