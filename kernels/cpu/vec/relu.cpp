#include "kernels/cpu/vec/relu.h"

#include "kernels/cpu/vec/columns.h"

namespace encore::cpu::ENCORE_VEC {

template <class T>
static void relu_forward_rows(const VecMatrix& x, const VecMatrix& y, int64_t cols, int64_t begin, int64_t end) {
  for (int64_t r = begin; r < end; ++r) {
    const T* in = row_of<T>(x, r);
    T* out = row_of<T>(y, r);
    // A NaN in the second operand is the result.
    for_columns(cols,
                [&](int64_t c, auto m, int) ENCORE_LAMBDA { vstore(out + c, vmax(vzero(), vload(in + c, m)), m); });
  }
}

template <class T>
static void relu_backward_rows(const VecMatrix& dy, const VecMatrix& y, const VecMatrix& dx, int64_t cols,
                               int64_t begin, int64_t end) {
  for (int64_t r = begin; r < end; ++r) {
    const T *gradient = row_of<T>(dy, r), *result = row_of<T>(y, r);
    T* out = row_of<T>(dx, r);
    for_columns(cols, [&](int64_t c, auto m, int) ENCORE_LAMBDA {
      vstore(out + c, vselect(vless(vzero(), vload(result + c, m)), vload(gradient + c, m), vzero()), m);
    });
  }
}

ENCORE_VEC_DEFINE_FLOATS(relu_forward,
                         (const VecMatrix& x, const VecMatrix& y, int64_t cols, int64_t begin, int64_t end),
                         (x, y, cols, begin, end));
ENCORE_VEC_DEFINE_FLOATS(relu_backward,
                         (const VecMatrix& dy, const VecMatrix& y, const VecMatrix& dx, int64_t cols, int64_t begin,
                          int64_t end),
                         (dy, y, dx, cols, begin, end));

}  // namespace encore::cpu::ENCORE_VEC
