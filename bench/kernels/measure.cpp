#include "bench/kernels/measure.h"

#include <algorithm>

#include "kernels/base/clock.h"

namespace encore::bench {
namespace {

constexpr int kWarmUps = 4;  // the third product of a shape chooses its algorithm (kernels/cuda/gemm)
constexpr int kPeakRuns = 10;

}  // namespace

Meter::Meter(Backend& b, const std::string& device, bool tiny, double min_time)
    : backend_(b), tiny_(tiny), min_time_(min_time) {
  const int64_t mib = 1 << 20;
  copied_ = tiny ? mib / 4 : (device == "cuda" ? 1024 : 256) * mib;
  square_ = tiny ? 64 : device == "cuda" ? 8192 : 2048;
  const int64_t cache = tiny ? 4096 : 256 * mib;
  flushed_ = Tensor(b.allocate(size_t(cache)), DType::kF32, 1, cache / 4);
  sum_ = Tensor(b.allocate(sizeof(double)), DType::kF64, 1, 1);
}

Meter::~Meter() {
  backend_.free(flushed_.data);
  backend_.free(sum_.data);
}

// Empties the caches by writing a buffer and reading it: a write of zeros alone may bypass the caches, and dirty lines
// of one run would be written back in the time of the next.
void Meter::empty_caches() {
  backend_.fill_zero(flushed_.data, flushed_.bytes());
  sum_of_squares(backend_, {.x = flushed_, .result = sum_});
}

double Meter::once(const Work& w, bool flush) {
  if (w.prepare) w.prepare();
  if (flush) empty_caches();
  const auto from = backend_.record_event();
  w.run();
  return backend_.seconds_between(*from, *backend_.record_event());
}

Timing Meter::time(const Work& w) {
  if (tiny_) {
    const double only = once(w, true);
    return {only, only, only, 1};
  }
  for (int i = 0; i < kWarmUps; ++i) once(w, false);
  const double start = steady_seconds();
  std::vector<double> seconds;
  while (seconds.size() < 5 || (seconds.size() < 200 && seconds_since(start) < min_time_))
    seconds.push_back(once(w, true));
  std::sort(seconds.begin(), seconds.end());
  const auto at = [&](double share) { return seconds[size_t(share * double(seconds.size() - 1) + 0.5)]; };
  return {at(0.5), at(0.1), at(0.9), int(seconds.size())};
}

Peaks Meter::peaks(const std::vector<DType>& dtypes) {
  const auto best = [&](const std::function<void()>& run) {
    double least = 1e30;
    for (int i = 0; i < kWarmUps + (tiny_ ? 1 : kPeakRuns); ++i) least = std::min(least, once({{}, run}, false));
    return least;
  };
  Peaks p;
  {
    Inputs in(backend_);
    const Tensor from = in.constant(1, DType::kF32, 1, copied_ / 4), to = in.zero(DType::kF32, 1, copied_ / 4);
    p.copy = 2 * double(copied_) / best([&] { backend_.copy_on_device(to.data, from.data, from.bytes()); });
  }
  for (const DType t : dtypes) {
    Inputs in(backend_);
    const LinearForward a{
        .x = in.normal(t, square_, square_), .w = in.normal(t, square_, square_), .y = in.zero(t, square_, square_)};
    p.matmul[t] = cost_of(a).flops / best([&] { linear_forward(backend_, a); });
  }
  return p;
}

}  // namespace encore::bench
