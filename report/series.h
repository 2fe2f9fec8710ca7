// A series of any length in a bounded number of buckets: as many as a drawn curve can show.
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

  // Points come in the order of x. Values that are not finite are left out.
  void add(double x, double y);
  const std::vector<Bucket>& buckets() const { return buckets_; }
  bool empty() const { return buckets_.empty(); }

 private:
  size_t most_;
  int64_t width_ = 1;  // points of a full bucket
  std::vector<Bucket> buckets_;
};

// Local linear regression: at each bucket the value of a line fitted to its neighbours, with Gaussian weights whose
// standard deviation is 1/60 of the series. It neither lags nor bends at the ends, as a moving average does.
std::vector<double> smoothed(const std::vector<Bucket>&);

// The q-quantile of the buckets' means; 0 for no buckets.
double quantile(const std::vector<Bucket>&, double q);

}  // namespace encore
