// Normal distribution and tanh in vectors. Only for vec/*.cpp.
#pragma once

#include "kernels/cpu/vec/simd.h"

namespace encore::cpu::ENCORE_VEC {

struct Normal {
  VF cdf, density;
};

// cdf = (1 + erf(u / sqrt 2)) / 2 and density = exp(-u^2 / 2) / sqrt(2 pi). Both keep their relative accuracy (about
// 2e-7, 1e-6 beyond |u| = 3) in the lower tail, where 1 + erf cancels. NaN for NaN.
//
// The tail is exp(-u^2/2) t P(t) with t = 1 / (1 + 0.35 |u|), the form of Abramowitz & Stegun, "Handbook of
// Mathematical Functions", 7.1.26, with P of degree 8 fitted at the Chebyshev nodes of |u| <= 14 (relative error 4e-8).
ENCORE_INLINE Normal vnormal(VF u) {
  const VF e = vexp2(u * (u * vset(-0.721347520444f)));
  // Beyond 40 the tail is 0 anyway; an infinite denominator would make NaN of the Newton step.
  const VF t = vreciprocal(vfma(vmin(vset(40.f), vabs(u)), vset(0.35f), vset(1.f)));
  VF p = vset(-0.0296795220045f);
  p = vfma(p, t, vset(0.146545830293f));
  p = vfma(p, t, vset(-0.260961228295f));
  p = vfma(p, t, vset(0.165050995857f));
  p = vfma(p, t, vset(-0.0270466082671f));
  p = vfma(p, t, vset(0.107114587597f));
  p = vfma(p, t, vset(0.119444916846f));
  p = vfma(p, t, vset(0.139912298125f));
  p = vfma(p, t, vset(0.139618712561f));
  const VF tail = p * t * e;
  return {vselect(vless(vzero(), u), vset(1.f) - tail, tail), e * vset(0.398942280401f)};
}

// Near 0 the odd polynomial of S. Moshier, "Cephes" (tanhf); beyond, 1 - 2 / (e^2|x| + 1).
ENCORE_INLINE VF vtanh(VF x) {
  const VF a = vabs(x), s = x * x;
  VF p = vset(-5.70498872745e-3f);
  p = vfma(p, s, vset(2.06390887954e-2f));
  p = vfma(p, s, vset(-5.37397155531e-2f));
  p = vfma(p, s, vset(1.33314422036e-1f));
  p = vfma(p, s, vset(-3.33332819422e-1f));
  const VF near = vfma(p * s, x, x);
  const VF far = vset(1.f) - vset(2.f) / (vexp(a + a) + vset(1.f));
  return vselect(vless(a, vset(0.625f)), near, vselect(vless(x, vzero()), vzero() - far, far));
}

}  // namespace encore::cpu::ENCORE_VEC
