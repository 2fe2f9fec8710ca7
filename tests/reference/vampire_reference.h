// The ops of VAMPIRE as naive loops: with double for the exact result, with float for the error of plain code in single
// precision. Of kernels/ only the draws of kernels/base/rng.h are used.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/base/rng.h"

namespace encore::reference {

using Values = std::vector<double>;

// Noise [documents, latent] as kernels/base/rng.h has it.
inline Values latent_noise(uint64_t seed, const Values& keys, int64_t latent) {
  Values noise;
  for (const double key : keys)
    for (int64_t k = 0; k < latent; ++k) {
      const PhiloxDraw d =
          philox4x32(seed, uint32_t(uint64_t(key)), uint32_t(uint64_t(key) >> 32), 7u << 16, uint32_t(k / 4));
      const double first = (d.word[k % 4 / 2 * 2] + 0.5) / 4294967296.0,
                   second = d.word[k % 4 / 2 * 2 + 1] / 4294967296.0;
      const double radius = std::sqrt(-2 * std::log(first)), angle = 2 * M_PI * second;
      noise.push_back(k % 2 ? radius * std::sin(angle) : radius * std::cos(angle));
    }
  return noise;
}

// y[i] = start[i] + sum over the entries (i, j, value) of value * x[j].
struct Entry {
  int64_t row, column;
  double value;
};
template <class Real>
Values sparse_product(const std::vector<Entry>& entries, const Values& x, const Values& start, int64_t cols) {
  std::vector<Real> y(start.begin(), start.end());
  for (const Entry& e : entries)
    for (int64_t c = 0; c < cols; ++c)
      y[size_t(e.row * cols + c)] += Real(e.value) * Real(x[size_t(e.column * cols + c)]);
  return Values(y.begin(), y.end());
}

struct LatentOptions {
  int64_t documents, latent;
  double clamp = 0;  // 0: none
  double scale = 0;  // of negative_kld in the loss
  bool sample = true;
};
struct LatentResult {
  Values theta, negative_kld, sigma, z, dmean, dlog_variance;
};
// factor: of dropout, an element each. dtheta may be empty: no gradients.
template <class Real>
LatentResult logistic_normal(const Values& mean, const Values& log_variance, const Values& noise, const Values& factor,
                             const Values& dtheta, const LatentOptions& o) {
  const size_t n = mean.size();
  LatentResult out{Values(n), Values(size_t(o.documents)), Values(n), Values(n), Values(n), Values(n)};
  for (int64_t r = 0; r < o.documents; ++r) {
    const size_t first = size_t(r * o.latent), last = first + size_t(o.latent);
    Real kld = 0, largest = -INFINITY, sum = 0, dot = 0;
    std::vector<Real> s(n), term(n);
    for (size_t i = first; i < last; ++i) {
      const Real mu = Real(mean[i]), lv = Real(log_variance[i]), whole = std::exp(lv / 2);
      const Real sigma = std::min(whole, Real(10));
      term[i] = Real(1) + (whole > Real(10) ? std::log(Real(100)) : lv) - mu * mu - sigma * sigma;
      kld += o.clamp > 0 ? std::clamp(term[i], Real(-o.clamp), Real(o.clamp)) : term[i];
      const Real z = o.sample ? mu + sigma * Real(noise[i]) : mu;
      s[i] = o.sample ? z * Real(factor[i]) : z;
      largest = std::max(largest, s[i]);
      out.sigma[i] = double(sigma);
      out.z[i] = double(z);
    }
    out.negative_kld[size_t(r)] = double(kld / 2);
    for (size_t i = first; i < last; ++i) sum += std::exp(s[i] - largest);
    for (size_t i = first; i < last; ++i) out.theta[i] = double(std::exp(s[i] - largest) / sum);
    if (dtheta.empty()) continue;
    for (size_t i = first; i < last; ++i) dot += Real(out.theta[i]) * Real(dtheta[i]);
    for (size_t i = first; i < last; ++i) {
      const Real dz = Real(out.theta[i]) * (Real(dtheta[i]) - dot) * Real(factor[i]), sigma = Real(out.sigma[i]);
      const bool held = o.clamp > 0 && std::abs(term[i]) > Real(o.clamp);
      const Real kld_scale = held ? Real(0) : Real(o.scale);
      out.dmean[i] = double(dz - kld_scale * Real(mean[i]));
      const Real of_both = kld_scale * (Real(1) - sigma * sigma) + dz * Real(noise[i]) * sigma;
      out.dlog_variance[i] = std::exp(Real(log_variance[i]) / 2) > Real(10) ? 0 : double(of_both / 2);
    }
  }
  return out;
}

struct LikelihoodInput {
  int64_t words, documents;
  Values reconstruction;  // [words, documents]
  Values background, bias, running_mean, running_variance;
  std::vector<Entry> entries;  // (document, word, value)
  double scale = 0;            // of the likelihood in the loss
  bool training = true;
};
struct LikelihoodResult {
  Values log_likelihood, gradient, dbias, running_mean, running_variance;
};
template <class Real>
LikelihoodResult bag_likelihood(const LikelihoodInput& in) {
  const size_t words = size_t(in.words), documents = size_t(in.documents);
  std::vector<Real> normal(words * documents), y(words * documents), rstd(words);
  LikelihoodResult out{Values(documents), Values(words * documents), Values(words), in.running_mean,
                       in.running_variance};
  for (size_t w = 0; w < words; ++w) {
    Real mean = 0, variance = 0;
    const auto x = [&](size_t r) { return Real(in.reconstruction[w * documents + r]) + Real(in.background[w]); };
    for (size_t r = 0; r < documents; ++r) mean += x(r);
    mean /= Real(documents);
    for (size_t r = 0; r < documents; ++r) variance += (x(r) - mean) * (x(r) - mean);
    out.running_mean[w] = 0.999 * in.running_mean[w] + 0.001 * double(mean);
    out.running_variance[w] = 0.999 * in.running_variance[w] + 0.001 * double(variance / Real(in.documents - 1));
    variance /= Real(documents);
    if (!in.training) mean = Real(in.running_mean[w]), variance = Real(in.running_variance[w]);
    rstd[w] = Real(1) / std::sqrt(variance + Real(1e-3));
    for (size_t r = 0; r < documents; ++r) {
      normal[w * documents + r] = (x(r) - mean) * rstd[w];
      y[w * documents + r] = normal[w * documents + r] + Real(in.bias[w]);
    }
  }
  std::vector<Real> dy(words * documents), of_document(documents), log_likelihood(documents);
  for (const Entry& e : in.entries) of_document[size_t(e.row)] += Real(e.value);
  for (size_t r = 0; r < documents; ++r) {
    Real largest = -INFINITY, sum = 0;
    for (size_t w = 0; w < words; ++w) largest = std::max(largest, y[w * documents + r]);
    for (size_t w = 0; w < words; ++w) sum += std::exp(y[w * documents + r] - largest);
    const Real lse = largest + std::log(sum);
    for (const Entry& e : in.entries)
      if (size_t(e.row) == r) log_likelihood[r] += Real(e.value) * (y[size_t(e.column) * documents + r] - lse);
    for (size_t w = 0; w < words; ++w)
      dy[w * documents + r] = -Real(in.scale) * of_document[r] * std::exp(y[w * documents + r] - lse);
    out.log_likelihood[r] = double(log_likelihood[r]);
  }
  if (!in.training) return out;
  for (const Entry& e : in.entries) dy[size_t(e.column) * documents + size_t(e.row)] += Real(in.scale) * Real(e.value);
  for (size_t w = 0; w < words; ++w) {
    Real sum = 0, product = 0;
    for (size_t r = 0; r < documents; ++r) {
      sum += dy[w * documents + r];
      product += dy[w * documents + r] * normal[w * documents + r];
    }
    out.dbias[w] = double(sum);
    for (size_t r = 0; r < documents; ++r)
      out.gradient[w * documents + r] =
          double((dy[w * documents + r] - (sum + normal[w * documents + r] * product) / Real(documents)) * rstd[w]);
  }
  return out;
}

}  // namespace encore::reference
