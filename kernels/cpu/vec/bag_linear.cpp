#include "kernels/cpu/vec/bag_linear.h"

#include "kernels/cpu/vec/columns.h"

namespace encore::cpu::ENCORE_VEC {

void bag_sums(const BagSums& a, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    float* y = row_of<float>(a.y, i);
    if (a.bias) memcpy(y, a.bias, size_t(a.cols) * sizeof(float));
    for (int32_t e = a.start[i]; e < a.start[i + 1]; ++e) {
      const float* from = row_of<float>(a.from, a.index[e]);
      const VF value = vset(a.value[e]);
      for_columns(a.cols, [&](int64_t c, auto m, int)
                              ENCORE_LAMBDA { vstore(y + c, vfma(value, vload(from + c, m), vload(y + c, m)), m); });
    }
  }
}

}  // namespace encore::cpu::ENCORE_VEC
