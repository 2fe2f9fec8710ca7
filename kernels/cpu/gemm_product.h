// The description of a matrix product.
#pragma once

#include <cstdint>

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

}  // namespace encore::cpu
