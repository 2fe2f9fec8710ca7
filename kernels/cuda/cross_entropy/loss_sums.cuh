// The last launch of the cross-entropy: loss, correct predictions and the bias gradient from what rows and blocks left.
#pragma once

#include <device/early_launch.cuh>

#include "kernels/cuda/rows/partial_sums.cuh"

namespace encore::cuda {

struct CrossEntropySums {
  const float* row_loss;
  const int32_t* row_correct;
  int64_t rows;
  double* loss;
  int64_t* correct;    // null: not wanted
  const float* parts;  // [count][classes], rows parts_ld apart
  int64_t count, classes, parts_ld;
  float* dbias;
};
struct LossSums {
  double loss[kCombineThreads];
  int64_t correct[kCombineThreads];
};
// The order of the sum depends on the rows' numbers alone, so that spare rows at the end change no bit of it.
__device__ __forceinline__ void add_losses(const CrossEntropySums& a) {
  LossSums& sums = static_smem<LossSums>();
  const int t = int(threadIdx.x);
  static_assert((kCombineThreads & (kCombineThreads - 1)) == 0, "the tree halves the threads");
  double total = 0;
  int64_t right = 0;
#pragma unroll 8
  for (int64_t r = t; r < a.rows; r += kCombineThreads) total += double(a.row_loss[r]), right += a.row_correct[r];
  sums.loss[t] = total, sums.correct[t] = right;
  for (int half = kCombineThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (t < half) sums.loss[t] += sums.loss[t + half], sums.correct[t] += sums.correct[t + half];
  }
  if (t > 0) return;
  *a.loss += sums.loss[0];
  if (a.correct) *a.correct += sums.correct[0];
}
// Warps: block 0 adds up the rows' losses and correct predictions, thread t the rows t, t + 256, ..., then as a tree
//   over the threads; every other block, if there are any, 32 columns of the bias gradient (rows/partial_sums.cuh).
// Shared memory: a loss and a count a thread, or one sum a warp and column.
// Pipeline: an early launch (device/early_launch.cuh): nothing may be read before wait_for_earlier_launches().
// Numbers: one launch for both sums, and 256 threads instead of one for the losses: parts of the 287 to 226 us in
//   docs/performance.md, "Cross-entropy".
__global__ void __launch_bounds__(kCombineThreads) cross_entropy_sums_kernel(CrossEntropySums a) {
  ptx::wait_for_earlier_launches();
  if (blockIdx.x == 0) return add_losses(a);
  combine_columns(a.parts, a.count, a.parts_ld, a.classes, (int64_t(blockIdx.x) - 1) * kCombineColumns, a.dbias);
}

}  // namespace encore::cuda
