#include "kernels/cpu/vec/dropout.h"

#include "kernels/cpu/vec/philox_vec.h"

namespace encore::cpu::ENCORE_VEC {

template <class T>
static void dropout_rows(const VecMatrix& x, const VecMatrix& y, const VecDropout& d, int64_t cols, int64_t begin,
                         int64_t end) {
  const PhiloxKeys keys = philox_keys(d.seed);
  RowKeep keep;
  for (int64_t r = begin; r < end; ++r) {
    dropout_row(d, keys, r, cols, keep);
    const T* in = row_of<T>(x, r);
    T* out = row_of<T>(y, r);
    for_columns(cols, [&](int64_t c, auto m, int)
                          ENCORE_LAMBDA { vstore(out + c, vdropout(vload(in + c, m), keep, c, vset(d.scale)), m); });
  }
}

ENCORE_VEC_DEFINE_FLOATS(dropout,
                         (const VecMatrix& x, const VecMatrix& y, const VecDropout& d, int64_t cols, int64_t begin,
                          int64_t end),
                         (x, y, d, cols, begin, end));

}  // namespace encore::cpu::ENCORE_VEC
