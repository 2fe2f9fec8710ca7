// Every op as naive loops over vectors: with double for the exact result, with float for the error of plain code in
// single precision. Of kernels/ only the draws of kernels/base/rng.h are used.
#pragma once

#include <cmath>
#include <vector>

#include "kernels/base/rng.h"

namespace encore::reference {

using Values = std::vector<double>;

// The dropout factor of each element of [rows, cols]: 0 or the scale. p = 0: all 1.
inline Values row_dropout(float p, uint64_t seed, uint32_t site, const Values& sequence, const Values& position,
                          const Values& example_keys, int64_t rows, int64_t cols) {
  Values factor(size_t(rows * cols), 1);
  if (p == 0) return factor;
  const uint32_t threshold = uint32_t(std::lround(65536.0 * double(p)));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) {
      const uint64_t example = uint64_t(example_keys[size_t(sequence[size_t(r)])]);
      const PhiloxDraw d = draw(seed, example, site, uint32_t(position[size_t(r)]) << 12 | uint32_t(c / 8));
      const uint32_t bits = c % 2 ? d.word[c % 8 / 2] >> 16 : d.word[c % 8 / 2] & 0xffff;
      factor[size_t(r * cols + c)] = bits >= threshold ? 65536.0 / (65536.0 - threshold) : 0;
    }
  return factor;
}

struct LayerNorm {
  Values sum, y, mean, rstd;
};

// Empty bias or residual: absent.
template <class Real>
LayerNorm layernorm_forward(const Values& x, const Values& bias, const Values& residual, const Values& factor,
                            const Values& gamma, const Values& beta, int64_t rows, int64_t cols, double eps) {
  LayerNorm out{Values(x.size()), Values(x.size()), Values(size_t(rows)), Values(size_t(rows))};
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<Real> u;
    Real total = 0, squares = 0;
    for (int64_t c = 0; c < cols; ++c) {
      const size_t i = size_t(r * cols + c);
      Real v = Real(x[i]) + (bias.empty() ? Real(0) : Real(bias[size_t(c)]));
      v = v * Real(factor[i]) + (residual.empty() ? Real(0) : Real(residual[i]));
      u.push_back(v);
      total += v;
      out.sum[i] = double(v);
    }
    const Real mean = total / Real(cols);
    for (Real v : u) squares += (v - mean) * (v - mean);
    const Real rstd = Real(1) / std::sqrt(squares / Real(cols) + Real(eps));
    for (int64_t c = 0; c < cols; ++c)
      out.y[size_t(r * cols + c)] =
          double((u[size_t(c)] - mean) * rstd * Real(gamma[size_t(c)]) + Real(beta[size_t(c)]));
    out.mean[size_t(r)] = double(mean);
    out.rstd[size_t(r)] = double(rstd);
  }
  return out;
}

struct LayerNormGradients {
  Values dsum, dgamma, dbeta;
};

template <class Real>
LayerNormGradients layernorm_backward(const Values& dy, const Values& sum, const Values& gamma, const Values& mean,
                                      const Values& rstd, int64_t rows, int64_t cols) {
  std::vector<Real> dgamma(size_t(cols), Real(0)), dbeta(size_t(cols), Real(0));
  LayerNormGradients out{Values(dy.size()), {}, {}};
  for (int64_t r = 0; r < rows; ++r) {
    Real sum_g = 0, sum_gx = 0;
    const Real m = Real(mean[size_t(r)]), s = Real(rstd[size_t(r)]);
    for (int64_t c = 0; c < cols; ++c) {
      const size_t i = size_t(r * cols + c);
      const Real x = (Real(sum[i]) - m) * s, g = Real(dy[i]) * Real(gamma[size_t(c)]);
      sum_g += g;
      sum_gx += g * x;
      dgamma[size_t(c)] += Real(dy[i]) * x;
      dbeta[size_t(c)] += Real(dy[i]);
    }
    for (int64_t c = 0; c < cols; ++c) {
      const size_t i = size_t(r * cols + c);
      const Real x = (Real(sum[i]) - m) * s, g = Real(dy[i]) * Real(gamma[size_t(c)]);
      out.dsum[i] = double(s * (g - sum_g / Real(cols) - x * sum_gx / Real(cols)));
    }
  }
  out.dgamma.assign(dgamma.begin(), dgamma.end());
  out.dbeta.assign(dbeta.begin(), dbeta.end());
  return out;
}

template <class Real>
Values column_sums(const Values& x, int64_t rows, int64_t cols) {
  std::vector<Real> sums(size_t(cols), Real(0));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) sums[size_t(c)] += Real(x[size_t(r * cols + c)]);
  return Values(sums.begin(), sums.end());
}

template <class Real>
Real gelu(Real u) {
  return u / Real(2) * (Real(1) + std::erf(u / std::sqrt(Real(2))));
}
template <class Real>
Real gelu_derivative(Real u) {
  const Real cdf = (Real(1) + std::erf(u / std::sqrt(Real(2)))) / Real(2);
  return cdf + u * std::exp(-u * u / Real(2)) * Real(0.39894228040143267794);
}

// f(element + bias of its column); empty bias: absent.
template <class Real, class F>
Values map_biased(const Values& x, const Values& bias, int64_t cols, F&& f) {
  Values y(x.size());
  for (size_t i = 0; i < x.size(); ++i)
    y[i] = double(f(Real(x[i]) + (bias.empty() ? Real(0) : Real(bias[i % size_t(cols)]))));
  return y;
}

template <class Real>
Values product(const Values& a, const Values& b) {
  Values c(a.size());
  for (size_t i = 0; i < a.size(); ++i) c[i] = double(Real(a[i]) * Real(b[i]));
  return c;
}

struct CrossEntropy {
  Values row_loss, gradient;
  double loss_sum = 0;
  int64_t correct = 0;
};

template <class Real>
CrossEntropy cross_entropy(const Values& logits, const Values& bias, const Values& labels, double grad_scale,
                           int64_t rows, int64_t classes, int64_t padded) {
  CrossEntropy out{Values(size_t(rows), 0), Values(size_t(rows * padded), 0), 0, 0};
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t label = int64_t(labels[size_t(r)]);
    if (label < 0) continue;
    std::vector<Real> u;
    size_t best = 0;
    for (int64_t c = 0; c < classes; ++c) {
      u.push_back(Real(logits[size_t(r * padded + c)]) + (bias.empty() ? Real(0) : Real(bias[size_t(c)])));
      if (u.back() > u[best]) best = size_t(c);
    }
    Real sum = 0;
    for (Real v : u) sum += std::exp(v - u[best]);
    const Real loss = std::log(sum) + u[best] - u[size_t(label)];
    out.row_loss[size_t(r)] = double(loss);
    out.loss_sum += double(loss);
    out.correct += int64_t(best) == label;
    for (int64_t c = 0; c < classes; ++c)
      out.gradient[size_t(r * padded + c)] =
          double((std::exp(u[size_t(c)] - u[best]) / sum - Real(c == label ? 1 : 0)) * Real(grad_scale));
  }
  return out;
}

// torch.optim.AdamW, one step over every element.
template <class Real>
void adamw(Values& w, Values& m, Values& v, const Values& gradient, double lr, double grad_scale, double correction1,
           double correction2, double beta1, double beta2, double eps, double weight_decay) {
  for (size_t i = 0; i < w.size(); ++i) {
    const Real g = Real(gradient[i]) * Real(grad_scale);
    Real weight = Real(w[i]);
    weight -= Real(lr) * Real(weight_decay) * weight;
    const Real first = Real(beta1) * Real(m[i]) + Real(1 - beta1) * g;
    const Real second = Real(beta2) * Real(v[i]) + Real(1 - beta2) * g * g;
    weight -= Real(lr) * (first / Real(correction1)) / (std::sqrt(second / Real(correction2)) + Real(eps));
    w[i] = double(weight);
    m[i] = double(first);
    v[i] = double(second);
  }
}

}  // namespace encore::reference
