#include "kernels/cpu/vec/gelu.h"

#include "kernels/cpu/vec/columns.h"
#include "kernels/cpu/vec/functions.h"

namespace encore::cpu::ENCORE_VEC {

template <class T>
static void gelu_forward_rows(const GeluRows& a, int64_t begin, int64_t end) {
  for (int64_t r = begin; r < end; ++r) {
    const T* x = row_of<T>(a.x, r);
    T* y = row_of<T>(a.y, r);
    const float* bias = a.bias;
    for_columns(a.cols, [&](int64_t c, auto m, int) ENCORE_LAMBDA {
      VF u = vload(x + c, m);
      if (bias) u += vload(bias + c, m);
      vstore(y + c, u * vnormal(u).cdf, m);
    });
  }
}

template <class T>
static void gelu_backward_rows(const GeluRows& a, int64_t begin, int64_t end, float* dbias) {
  for (int64_t r = begin; r < end; ++r) {
    const T *dy = row_of<T>(a.dy, r), *x = row_of<T>(a.x, r);
    T* dx = row_of<T>(a.y, r);
    const float* bias = a.bias;
    for_columns(a.cols, [&](int64_t c, auto m, int) ENCORE_LAMBDA {
      VF u = vload(x + c, m);
      if (bias) u += vload(bias + c, m);
      const Normal n = vnormal(u);
      const VF d = vload(dy + c, m) * vfma(u, n.density, n.cdf);
      vstore(dx + c, d, m);
      if (dbias) vstore(dbias + c, vload(dbias + c, m) + d, m);
    });
  }
}

ENCORE_VEC_DEFINE_FLOATS(gelu_forward, (const GeluRows& a, int64_t begin, int64_t end), (a, begin, end));
ENCORE_VEC_DEFINE_FLOATS(gelu_backward, (const GeluRows& a, int64_t begin, int64_t end, float* dbias),
                         (a, begin, end, dbias));

}  // namespace encore::cpu::ENCORE_VEC
