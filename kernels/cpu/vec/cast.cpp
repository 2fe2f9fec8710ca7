#include "kernels/cpu/vec/cast.h"

#include "kernels/cpu/vec/columns.h"

namespace encore::cpu::ENCORE_VEC {

void cast_to_bf16(const float* x, uint16_t* y, int64_t n) {
  for_columns(n, [&](int64_t c, auto m, int) ENCORE_LAMBDA { vstore(y + c, vload(x + c, m), m); });
}

void cast_to_f32(const uint16_t* x, float* y, int64_t n) {
  for_columns(n, [&](int64_t c, auto m, int) ENCORE_LAMBDA { vstore(y + c, vload(x + c, m), m); });
}

}  // namespace encore::cpu::ENCORE_VEC
