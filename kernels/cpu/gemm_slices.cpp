#include "kernels/cpu/gemm_slices.h"

#include <algorithm>

namespace encore::cpu {
namespace {

struct Slice {
  int64_t first, count;
};

// With few threads c is cut into slices, and oneDNN computes each slice with one thread, because oneDNN's own partition
// gives one of two threads up to twice the work of the other (docs/performance.md). With many threads its
// two-dimensional partition is better, and a small product is not worth a cut. Slices are at most kWidest blocks wide:
// oneDNN may ask for a scratchpad of the slice's size.
std::vector<Slice> cut(int64_t extent, int64_t other, int64_t inner, int threads) {
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

}  // namespace

std::vector<ProductSlice> slices_of_weight_product(const Tensor& a, const Tensor& w, bool transposed,
                                                   const Tensor& bias, const Tensor& c, bool accumulate, int threads) {
  const std::vector<Slice> slices = cut(c.cols, c.rows, a.cols, threads);
  std::vector<ProductSlice> products;
  for (const auto& [first, count] : slices) {
    const Tensor part = transposed ? w.row_range(first, count) : w.col_range(first, count);
    products.push_back({.product = {.m = c.rows,
                                    .n = count,
                                    .k = a.cols,
                                    .a_row = a.ld,
                                    .a_col = 1,
                                    .b_row = transposed ? 1 : w.ld,
                                    .b_col = transposed ? w.ld : 1,
                                    .c_row = c.ld,
                                    .in = a.dtype,
                                    .out = c.dtype,
                                    .bias = bool(bias),
                                    .accumulate = accumulate,
                                    .packed = false,
                                    .threads = slices.size() == 1 ? threads : 1},
                        .a = a,
                        .b = part,
                        .bias = bias ? bias.col_range(first, count) : bias,
                        .c = c.col_range(first, count)});
  }
  return products;
}

std::vector<ProductSlice> slices_of_gradient(const Tensor& a, const Tensor& b, const Tensor& c, int threads) {
  const bool by_rows = c.rows >= c.cols;
  const std::vector<Slice> slices = cut(by_rows ? c.rows : c.cols, by_rows ? c.cols : c.rows, a.rows, threads);
  std::vector<ProductSlice> products;
  for (const auto& [first, count] : slices) {
    const Tensor part = by_rows ? c.row_range(first, count) : c.col_range(first, count);
    products.push_back({.product = {.m = part.rows,
                                    .n = part.cols,
                                    .k = a.rows,
                                    .a_row = 1,
                                    .a_col = a.ld,
                                    .b_row = b.ld,
                                    .b_col = 1,
                                    .c_row = c.ld,
                                    .in = a.dtype,
                                    .out = c.dtype,
                                    .bias = false,
                                    .accumulate = true,
                                    .packed = false,
                                    .threads = slices.size() == 1 ? threads : 1},
                        .a = by_rows ? a.col_range(first, count) : a,
                        .b = by_rows ? b : b.col_range(first, count),
                        .bias = {},
                        .c = part});
  }
  return products;
}

}  // namespace encore::cpu
