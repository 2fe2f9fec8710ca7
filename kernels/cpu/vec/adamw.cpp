#include "kernels/cpu/vec/adamw.h"

#include "kernels/cpu/vec/columns.h"

namespace encore::cpu::ENCORE_VEC {

void adamw(const AdamWRange& a, int64_t begin, int64_t end) {
  float *w = a.w + begin, *m1 = a.m + begin, *m2 = a.v + begin;
  const float* gradient = a.gradient + begin;
  uint16_t* shadow = a.shadow ? a.shadow + begin : nullptr;
  const VF scale = vset(a.grad_scale), keep = vset(a.keep), beta2 = vset(a.beta2), rest1 = vset(a.rest1),
           rest2 = vset(a.rest2), step = vset(a.step), root2 = vset(1.f / a.root2), eps = vset(a.eps);
  for_columns(end - begin, [&](int64_t c, auto m, int) ENCORE_LAMBDA {
    const VF g = vload(gradient + c, m) * scale;
    const VF first = vload(m1 + c, m);
    const VF m_new = vfma(rest1, g - first, first);
    const VF v_new = vfma(vload(m2 + c, m), beta2, g * g * rest2);
    const VF w_new = vfnma(step, m_new / vfma(vsqrt(v_new), root2, eps), vload(w + c, m) * keep);
    vstore(m1 + c, m_new, m);
    vstore(m2 + c, v_new, m);
    vstore(w + c, w_new, m);
    if (shadow) vstore(shadow + c, w_new, m);
  });
}

}  // namespace encore::cpu::ENCORE_VEC
