// Times a backend's work: median and spread of many runs, with the caches emptied before each.
#pragma once

#include <map>

#include "bench/kernels/kernel_bench.h"

namespace encore::bench {

struct Timing {
  double median = 0, p10 = 0, p90 = 0;  // seconds
  int runs = 0;
};

// The device's peak rates, measured in this process.
struct Peaks {
  double copy = 0;                 // bytes read and written a second
  std::map<DType, double> matmul;  // flops a second
};

class Meter {
 public:
  // Runs behind one result: at least 5 and min_time seconds of wall clock, at most 200; one where tiny.
  Meter(Backend&, const std::string& device, bool tiny, double min_time);
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  Timing time(const Work&);
  // The best of some runs of a copy within the device's memory and of a square product, with warm caches.
  Peaks peaks(const std::vector<DType>&);

 private:
  double once(const Work&, bool flush);
  void empty_caches();

  Backend& backend_;
  bool tiny_;
  double min_time_;
  int64_t copied_, square_;  // bytes of the copy's source; edge of the product
  Tensor flushed_, sum_;     // larger than any cache
};

}  // namespace encore::bench
