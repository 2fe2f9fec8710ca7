#include "kernels/cpu/vec/reduce.h"

#include "kernels/cpu/vec/columns.h"

namespace encore::cpu::ENCORE_VEC {

template <class T>
static void column_sums_rows(const VecMatrix& x, int64_t cols, int64_t begin, int64_t end, float* sums) {
  for (int64_t r = begin; r < end; ++r) {
    const T* row = row_of<T>(x, r);
    for_columns(cols, [&](int64_t c, auto m, int)
                          ENCORE_LAMBDA { vstore(sums + c, vload(sums + c, m) + vload(row + c, m), m); });
  }
}

ENCORE_VEC_DEFINE_FLOATS(column_sums, (const VecMatrix& x, int64_t cols, int64_t begin, int64_t end, float* sums),
                         (x, cols, begin, end, sums));

template <class T>
static void add_row_rows(const void* x, void* y, int64_t n) {
  const T* from = (const T*)x;
  T* to = (T*)y;
  for_columns(n,
              [&](int64_t c, auto m, int) ENCORE_LAMBDA { vstore(to + c, vload(to + c, m) + vload(from + c, m), m); });
}

ENCORE_VEC_DEFINE_FLOATS(add_row, (const void* x, void* y, int64_t n), (x, y, n));

void add_parts(const float* parts, int64_t count, int64_t stride, float* out, int64_t n) {
  for_columns(n, [&](int64_t c, auto m, int) ENCORE_LAMBDA {
    VF total = vzero();
    for (int64_t i = 0; i < count; ++i) total += vload(parts + i * stride + c, m);
    vstore(out + c, vload(out + c, m) + total, m);
  });
}

double sum_of_squares(const float* x, int64_t n) {
  VD low[4] = {}, high[4] = {};
  for_columns(n, [&](int64_t c, auto m, int k) ENCORE_LAMBDA {
    const VF v = vload(x + c, m);
    const VD l = vlow_doubles(v), h = vhigh_doubles(v);
    low[k] += l * l;
    high[k] += h * h;
  });
  const VD sum = ((low[0] + high[0]) + (low[1] + high[1])) + ((low[2] + high[2]) + (low[3] + high[3]));
  double lanes[kLanes / 2], total = 0;
  memcpy(lanes, &sum, sizeof lanes);
  for (double lane : lanes) total += lane;
  return total;
}

}  // namespace encore::cpu::ENCORE_VEC
