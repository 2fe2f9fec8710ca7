// The description of a matrix product, and how a product is cut into slices, one for each thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/base/dtype.h"

namespace encore::cpu {

// All that distinguishes one product from another: c [m, n] (+)= a [m, k] b [k, n].
struct Product {
  int64_t m, n, k;
  int64_t a_row, a_col, b_row, b_col, c_row;  // strides in elements
  DType in, out;
  bool bias, accumulate, packed;
  int threads;  // oneDNN's for this product

  bool operator==(const Product&) const = default;
};

struct ProductHash {
  size_t operator()(const Product& p) const {
    uint64_t h = 0;
    for (int64_t v : {p.m, p.n, p.k, p.a_row, p.a_col, p.b_row, p.b_col, p.c_row,
                      int64_t(p.threads) << 24 | int64_t(p.in) << 16 | int64_t(p.out) << 8 | p.bias << 2 |
                          p.accumulate << 1 | p.packed})
      h = (h ^ uint64_t(v)) * 0x9E3779B97F4A7C15u, h ^= h >> 29;
    return h;
  }
};

struct Slice {
  int64_t first, count;
};

// With few threads c is cut into slices, and oneDNN computes each slice with one thread, because oneDNN's own partition
// gives one of two threads up to twice the work of the other (docs/performance.md). With many threads its
// two-dimensional partition is better, and a small product is not worth a cut. Slices are at most kWidest blocks wide:
// oneDNN may ask for a scratchpad of the slice's size.
inline std::vector<Slice> cut(int64_t extent, int64_t other, int64_t inner, int threads) {
  constexpr int kFew = 8;
  constexpr int64_t kBlock = 64, kWidest = 3072 / kBlock;
  constexpr double kWorthCutting = 1e6;
  const int64_t blocks = (extent + kBlock - 1) / kBlock;
  if (threads == 1 || threads > kFew || blocks < threads ||
      double(extent) * double(other) * double(inner) < kWorthCutting)
    return {{0, extent}};
  const int64_t count = threads * ((blocks + threads * kWidest - 1) / (threads * kWidest));
  std::vector<Slice> slices;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t first = i * blocks / count * kBlock, end = std::min(extent, (i + 1) * blocks / count * kBlock);
    slices.push_back({first, end - first});
  }
  return slices;
}

}  // namespace encore::cpu
