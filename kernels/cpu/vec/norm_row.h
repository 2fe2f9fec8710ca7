// LayerNorm of one row, shared by layernorm.cpp and embedding.cpp. Only for vec/*.cpp.
#pragma once

#include "kernels/cpu/vec/philox_vec.h"

namespace encore::cpu::ENCORE_VEC {

struct NormStatistics {
  float mean, rstd;
};

// Mean and reciprocal deviation of row [cols], whose sum is `total`. The variance is the mean square of the centred
// row.
ENCORE_INLINE NormStatistics norm_statistics(const float* row, int64_t cols, float total, float eps) {
  const float mean = total / float(cols);
  Sum4 squares;
  for_columns(cols, [&](int64_t c, auto m, int k) ENCORE_LAMBDA {
    const VF d = vwithin(vload(row + c, m) - vset(mean), m);
    squares.part[k] = vfma(d, d, squares.part[k]);
  });
  return {mean, 1.f / sqrtf(vsum(squares) / float(cols) + eps)};
}

// Gradients of one row. load_dy(c, m) and load_sum(c, m) load the vector at column c, with 0 outside the mask m;
// store(c, m, d) stores a vector of the gradient of the sum. dgamma and dbeta [cols] are added to.
template <class LoadDy, class LoadSum, class Store>
ENCORE_INLINE void norm_backward(int64_t cols, NormStatistics s, const float* gamma, float* dgamma, float* dbeta,
                                 LoadDy load_dy, LoadSum load_sum, Store store) {
  const VF mean = vset(s.mean), rstd = vset(s.rstd);
  Sum4 sum_g, sum_gx;
  for_columns(cols, [&](int64_t c, auto m, int k) ENCORE_LAMBDA {
    const VF dy = load_dy(c, m), x = (load_sum(c, m) - mean) * rstd, g = dy * vload(gamma + c, m);
    sum_g.part[k] += g;
    sum_gx.part[k] = vfma(g, vwithin(x, m), sum_gx.part[k]);
    vstore(dgamma + c, vfma(dy, x, vload(dgamma + c, m)), m);
    vstore(dbeta + c, vload(dbeta + c, m) + dy, m);
  });
  const VF mean_g = vset(vsum(sum_g) / float(cols)), mean_gx = vset(vsum(sum_gx) / float(cols));
  for_columns(cols, [&](int64_t c, auto m, int) ENCORE_LAMBDA {
    const VF x = (load_sum(c, m) - mean) * rstd, g = load_dy(c, m) * vload(gamma + c, m);
    store(c, m, rstd * vfnma(x, mean_gx, g - mean_g));
  });
}

}  // namespace encore::cpu::ENCORE_VEC
