// A linear layer over bags of words (kernels/ops/bag_linear.h). Both passes are the same sum: a row of the result adds
// up rows of a table, each times a value. No float is added by an atomic.
#pragma once

#include <device_port.h>

#include <cstdint>

namespace encore::cuda {

// y[i] = bias, or y[i] itself, + the sum over the entries start[i] .. start[i + 1] - 1 of value times row `index` of
// `from`. Forward: the rows i are documents and `from` is W; backward: the rows are words and `from` is dy.
struct BagSumsArgs {
  const int32_t *start, *index;
  const float* value;
  const float* from;  // [.][from_ld]
  int64_t from_ld;
  float* y;  // [rows][y_ld]
  int64_t y_ld;
  const float* bias;  // null: what a row holds
  int64_t cols;
};

inline constexpr int kBagThreads = 128;
// Entries whose loads are in flight together.
inline constexpr int kBagEntries = 4;

// Warps: block (x, y) has row x and columns 128 y .. 128 y + 127; a thread has one column of it.
// Shared memory: none.
// Pipeline: a thread loads four entries' elements before it adds the first. Entries are the same for all threads of the
//   block, and come from the cache after the first.
// Invariants: one thread adds to an element, in the order of the entries. A row without entries is not written unless
//   there is a bias.
// Numbers: 81 columns, VAMPIRE's, leave 47 of the 128 threads without work; the words of a batch are some thousand
//   rows, enough to fill a device either way.
__global__ void __launch_bounds__(kBagThreads) bag_sums_kernel(BagSumsArgs a) {
  const int64_t i = blockIdx.x, c = int64_t(blockIdx.y) * kBagThreads + threadIdx.x;
  const int32_t begin = a.start[i], end = a.start[i + 1];
  if (c >= a.cols || (begin == end && !a.bias)) return;
  float* const y = a.y + i * a.y_ld + c;
  float sum = a.bias ? a.bias[c] : *y;
  for (int32_t first = begin; first < end; first += kBagEntries) {
    float x[kBagEntries], value[kBagEntries];
#pragma unroll
    for (int k = 0; k < kBagEntries; ++k) {
      const bool there = first + k < end;
      const int32_t e = there ? first + k : begin;
      value[k] = there ? a.value[e] : 0.f;
      x[k] = there ? a.from[a.index[e] * a.from_ld + c] : 0.f;
    }
#pragma unroll
    for (int k = 0; k < kBagEntries; ++k) sum += value[k] * x[k];
  }
  *y = sum;
}

}  // namespace encore::cuda
