#include "kernels/cpu/vec/tanh.h"

#include "kernels/cpu/vec/columns.h"
#include "kernels/cpu/vec/functions.h"

namespace encore::cpu::ENCORE_VEC {

template <class T>
static void tanh_forward_rows(const TanhRows& a, int64_t begin, int64_t end) {
  for (int64_t r = begin; r < end; ++r) {
    const T* x = row_of<T>(a.x, r);
    T* y = row_of<T>(a.y, r);
    const float* bias = a.bias;
    for_columns(a.cols, [&](int64_t c, auto m, int) ENCORE_LAMBDA {
      VF u = vload(x + c, m);
      if (bias) u += vload(bias + c, m);
      vstore(y + c, vtanh(u), m);
    });
  }
}

template <class T>
static void tanh_backward_rows(const TanhRows& a, int64_t begin, int64_t end, float* dbias) {
  for (int64_t r = begin; r < end; ++r) {
    const T *dy = row_of<T>(a.x, r), *y = row_of<T>(a.y, r);
    T* dx = row_of<T>(a.dx, r);
    for_columns(a.cols, [&](int64_t c, auto m, int) ENCORE_LAMBDA {
      const VF t = vload(y + c, m);
      const VF d = vload(dy + c, m) * vfnma(t, t, vset(1.f));
      vstore(dx + c, d, m);
      if (dbias) vstore(dbias + c, vload(dbias + c, m) + d, m);
    });
  }
}

ENCORE_VEC_DEFINE_FLOATS(tanh_forward, (const TanhRows& a, int64_t begin, int64_t end), (a, begin, end));
ENCORE_VEC_DEFINE_FLOATS(tanh_backward, (const TanhRows& a, int64_t begin, int64_t end, float* dbias),
                         (a, begin, end, dbias));

}  // namespace encore::cpu::ENCORE_VEC
