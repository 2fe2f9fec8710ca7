#include "kernels/cpu/vec/logistic_normal.h"

#include "kernels/cpu/vec/columns.h"

namespace encore::cpu::ENCORE_VEC {

// sigma and the KL term of each lane, and where the sigma is below its cap.
struct Latent {
  VF sigma, term;
  VM capped;
};
ENCORE_INLINE Latent vlatent(VF mean, VF log_variance, VF largest) {
  const VF uncapped = vexp(log_variance * vset(0.5f));
  Latent l;
  l.capped = vless(largest, uncapped);
  l.sigma = vselect(l.capped, largest, uncapped);
  // ln sigma^2 is the log variance itself, with no rounding on the way, unless the cap holds.
  const VF log_square = vselect(l.capped, vset(4.60517018599f), log_variance);
  l.term = (vset(1.f) + log_square) - vfma(mean, mean, l.sigma * l.sigma);
  return l;
}

// theta = softmax of the n numbers that it holds.
static void softmax_in_place(float* theta, int64_t n) {
  VF largest[4] = {vset(-INFINITY), vset(-INFINITY), vset(-INFINITY), vset(-INFINITY)};
  for_columns(n, [&](int64_t c, auto m, int k)
                     ENCORE_LAMBDA { largest[k] = vmax(largest[k], vlanes_or(vload(theta + c, m), m, -INFINITY)); });
  const VF top = vset(vlargest(vmax(vmax(largest[0], largest[1]), vmax(largest[2], largest[3]))));
  Sum4 sum;
  for_columns(n, [&](int64_t c, auto m, int k) ENCORE_LAMBDA {
    const VF e = vexp(vload(theta + c, m) - top);
    vstore(theta + c, e, m);
    sum.part[k] += vwithin(e, m);
  });
  const VF per_sum = vset(1.f / vsum(sum));
  for_columns(n, [&](int64_t c, auto m, int) ENCORE_LAMBDA { vstore(theta + c, vload(theta + c, m) * per_sum, m); });
}

float logistic_normal_forward(const LatentRow& a) {
  const VF largest = vset(a.largest_sigma), low = vset(-a.clamp), high = vset(a.clamp);
  Sum4 terms;
  for_columns(a.latent, [&](int64_t c, auto m, int k) ENCORE_LAMBDA {
    const VF mean = vload(a.mean + c, m);
    const Latent l = vlatent(mean, vload(a.log_variance + c, m), largest);
    terms.part[k] += vwithin(vmin(high, vmax(low, l.term)), m);  // a NaN passes through in this order
    const VF z = a.noise ? vfma(l.sigma, vload(a.noise + c, m), mean) : mean;
    if (a.sigma) vstore(a.sigma + c, l.sigma, m);
    if (a.z) vstore(a.z + c, z, m);
    vstore(a.theta + c, a.factor ? z * vload(a.factor + c, m) : z, m);
  });
  softmax_in_place(a.theta, a.latent);
  return 0.5f * vsum(terms);
}

void logistic_normal_backward(const LatentRow& a, const LatentGradient& g) {
  Sum4 products;
  for_columns(a.latent, [&](int64_t c, auto m, int k) ENCORE_LAMBDA {
    products.part[k] = vfma(vload(a.theta + c, m), vload(g.dtheta + c, m), products.part[k]);
  });
  const VF dot = vset(vsum(products)), scale = vset(g.scale), half = vset(0.5f);
  const VF largest = vset(a.largest_sigma), low = vset(-a.clamp), high = vset(a.clamp);
  for_columns(a.latent, [&](int64_t c, auto m, int) ENCORE_LAMBDA {
    const VF mean = vload(a.mean + c, m);
    const Latent l = vlatent(mean, vload(a.log_variance + c, m), largest);
    VF dz = vload(a.theta + c, m) * (vload(g.dtheta + c, m) - dot);
    if (a.factor) dz = dz * vload(a.factor + c, m);
    // Of the KL term; 0 where the clamp holds it.
    const VF kld = vselect(vless(l.term, low), vzero(), vselect(vless(high, l.term), vzero(), scale));
    vstore(g.dmean + c, vfnma(kld, mean, dz), m);
    const VF of_kld = kld * (vset(1.f) - l.sigma * l.sigma), of_noise = dz * vload(a.noise + c, m) * l.sigma;
    vstore(g.dlog_variance + c, vselect(l.capped, vzero(), half * (of_kld + of_noise)), m);
  });
}

}  // namespace encore::cpu::ENCORE_VEC
