// The sum over documents of one term of a loss (LossTerm in kernels/ops/bags.h).
#pragma once

#include <device_port.h>

#include <cstdint>

namespace encore::cuda {

inline constexpr int kTermThreads = 256;
struct TermSums {
  double of[kTermThreads];
};

// *sum += the sum of x, *loss += scale times it; both may be null.
// Warps: one block; thread t has the documents t, t + 256, ..., then a tree over the threads.
// Shared memory: a double a thread (2 KB).
// Invariants: the order of the sum depends on the number of documents alone.
__global__ void __launch_bounds__(kTermThreads)
    loss_term_kernel(const float* x, int64_t documents, float scale, double* sum, double* loss) {
  static_assert((kTermThreads & (kTermThreads - 1)) == 0, "the tree halves the threads");
  auto& shared = static_smem<TermSums>().of;
  const int t = int(threadIdx.x);
  double total = 0;
  for (int64_t r = t; r < documents; r += kTermThreads) total += double(x[r]);
  shared[t] = total;
  for (int half = kTermThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (t < half) shared[t] += shared[t + half];
  }
  if (t > 0) return;
  if (sum) *sum += shared[0];
  if (loss) *loss += double(scale) * shared[0];
}

}  // namespace encore::cuda
