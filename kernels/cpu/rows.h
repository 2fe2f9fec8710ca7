// For the ops of the CPU backend: sharing rows among threads, and arguments in the plain form of vec/.
#pragma once

#include <algorithm>
#include <span>

#include "kernels/cpu/vec/matrix.h"
#include "kernels/ops/dropout.h"

namespace encore::cpu {

inline VecMatrix vec(const Tensor& t) {
  return {t.data, t.ld};
}

// Row r of a matrix of any dtype.
inline void* row_at(const Tensor& t, int64_t r) {
  return static_cast<char*>(t.data) + size_t(r * t.ld) * size_of(t.dtype);
}

// The values of a list [1, n] of i32; none where it is absent.
inline std::span<const int32_t> values(const Tensor& list) {
  return {list.ptr<const int32_t>(), size_t(list ? list.cols : 0)};
}

inline VecDropout vec(const RowDropout& d) {
  const uint32_t threshold = row_dropout_threshold(d.p);
  if (threshold == 0) return {0, 1.f, 0, 0, nullptr, nullptr, nullptr};
  return {threshold,
          row_dropout_scale(d.p),
          d.seed,
          d.site,
          d.rows.sequence.ptr<int32_t>(),
          d.rows.position.ptr<int32_t>(),
          d.rows.example_keys.ptr<uint64_t>()};
}

// Throws Error unless every entry of d.rows.sequence is the index of an example key.
inline void check_row_keys(const RowDropout& d, const char* op) {
  if (d.p == 0) return;
  const int32_t* sequence = d.rows.sequence.ptr<int32_t>();
  for (int64_t r = 0; r < d.rows.sequence.cols; ++r)
    check(sequence[r] >= 0 && sequence[r] < d.rows.example_keys.cols,
          "{}: row {} is of sequence {}, and there are {} example keys", op, r, sequence[r], d.rows.example_keys.cols);
}

// Below this many elements a second thread costs more than it gains.
constexpr int64_t kWorthThreads = 16384;

// Calls f(begin, end, thread) for parts of n rows of `cols` elements. f must not depend on which thread gets which
// rows.
template <class F>
void parallel_rows(int threads, int64_t n, int64_t cols, F f) {
  const int64_t workers = n * cols < kWorthThreads ? 1 : std::min<int64_t>(threads, n);
  // A team of all threads or of one: libgomp ends the threads that a smaller team does not use, and the next full team
  // has to start them again.
#pragma omp parallel for schedule(static) num_threads(threads) if (workers > 1)
  for (int64_t i = 0; i < workers; ++i) f(i * n / workers, (i + 1) * n / workers, int(i));
}

// Blocks of rows for sums over rows. They depend only on the number of rows, so the sums do not depend on the number of
// threads.
struct RowBlocks {
  static constexpr int64_t kFewest = 32, kMost = 64;

  explicit RowBlocks(int64_t rows)
      : rows(rows), size(std::max(kFewest, (rows + kMost - 1) / kMost)), count((rows + size - 1) / size) {}

  int64_t rows, size, count;
};

// f(block, begin, end, thread) for every block.
template <class F>
void parallel_blocks(int threads, const RowBlocks& blocks, int64_t cols, F f) {
  parallel_rows(threads, blocks.count, blocks.size * cols, [&](int64_t first, int64_t last, int thread) {
    for (int64_t b = first; b < last; ++b) f(b, b * blocks.size, std::min(blocks.rows, (b + 1) * blocks.size), thread);
  });
}

// A whole number of cache lines, so that the partial sums of two threads share none.
constexpr int64_t padded(int64_t floats) {
  return (floats + 15) / 16 * 16;
}

// out [1, n] += the sum of count vectors [n] that lie `stride` apart, in rising order.
void combine(int threads, const float* parts, int64_t count, int64_t stride, const Tensor& out);

}  // namespace encore::cpu
