// A series of any length in a fixed number of buckets, for curves that are as good on paper as all of its points.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace encore {

struct Bucket {
  double x = 0, mean = 0;      // means over the bucket's points
  double least = 0, most = 0;  // of y
  int64_t count = 0;
};

class BucketSeries {
 public:
  // most: buckets, an even number. A series of at most that many points is kept as it is.
  explicit BucketSeries(size_t most = 800) : most_(most) {}

  // Points in the order of x. What is not finite is left out.
  void add(double x, double y);
  const std::vector<Bucket>& buckets() const { return buckets_; }
  bool empty() const { return buckets_.empty(); }

 private:
  size_t most_;
  int64_t width_ = 1;  // points of a full bucket
  std::vector<Bucket> buckets_;
};

// The value at each bucket of a line fitted to its neighbours, weighted by a bell as wide as 1/60 of the series:
// nothing lags, and the ends are as calm as the middle.
std::vector<double> smoothed(const std::vector<Bucket>&);

// The value that a share q of the buckets' means lies below; 0 where there is none.
double quantile(const std::vector<Bucket>&, double q);

}  // namespace encore
