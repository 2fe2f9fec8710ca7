#include "report/series.h"

#include <algorithm>
#include <cmath>

namespace encore {
namespace {

Bucket joined(const Bucket& a, const Bucket& b) {
  const double n = double(a.count + b.count), wa = double(a.count) / n, wb = double(b.count) / n;
  return {.x = a.x * wa + b.x * wb,
          .mean = a.mean * wa + b.mean * wb,
          .least = std::min(a.least, b.least),
          .most = std::max(a.most, b.most),
          .count = a.count + b.count};
}

}  // namespace

void BucketSeries::add(double x, double y) {
  if (!std::isfinite(x) || !std::isfinite(y)) return;
  const Bucket point{.x = x, .mean = y, .least = y, .most = y, .count = 1};
  if (!buckets_.empty() && buckets_.back().count < width_) {
    buckets_.back() = joined(buckets_.back(), point);
    return;
  }
  if (buckets_.size() == most_) {
    for (size_t i = 0; i < most_ / 2; ++i) buckets_[i] = joined(buckets_[2 * i], buckets_[2 * i + 1]);
    buckets_.resize(most_ / 2);
    width_ *= 2;
  }
  buckets_.push_back(point);
}

std::vector<double> smoothed(const std::vector<Bucket>& buckets) {
  const int64_t n = int64_t(buckets.size());
  const double sigma = std::max(1e-3, double(n) / 60);
  const int64_t reach = int64_t(std::ceil(3 * sigma));
  std::vector<double> result;
  for (int64_t i = 0; i < n; ++i) {
    double w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
    for (int64_t k = std::max<int64_t>(0, i - reach); k <= std::min(n - 1, i + reach); ++k) {
      const double x = double(k - i), y = buckets[size_t(k)].mean;
      const double weight = std::exp(-0.5 * x * x / (sigma * sigma)) * double(buckets[size_t(k)].count);
      w += weight;
      wx += weight * x;
      wy += weight * y;
      wxx += weight * x * x;
      wxy += weight * x * y;
    }
    const double spread = w * wxx - wx * wx;
    result.push_back(spread > 1e-9 * w * w ? (wxx * wy - wx * wxy) / spread : wy / w);
  }
  return result;
}

double quantile(const std::vector<Bucket>& buckets, double q) {
  if (buckets.empty()) return 0;
  std::vector<double> means;
  for (const Bucket& b : buckets) means.push_back(b.mean);
  const size_t at = size_t(std::clamp(q, 0.0, 1.0) * double(means.size() - 1) + 0.5);
  std::nth_element(means.begin(), means.begin() + ptrdiff_t(at), means.end());
  return means[at];
}

}  // namespace encore
