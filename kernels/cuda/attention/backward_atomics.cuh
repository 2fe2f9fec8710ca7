// The kernels around the backward pass with atomics: delta = rowsum(dout * out) before it, and after it the rounding of
// the summed dq.
#pragma once

#include <device_port.h>

#include "kernels/cuda/attention/launches.h"
#include "kernels/cuda/rows/unit.cuh"

namespace encore::cuda {

constexpr int kDqThreads = 256;

// delta of every row and head: four threads each, 8 columns at a time.
template <class T>
__global__ void __launch_bounds__(kDqThreads) attention_delta_kernel(const AttentionArguments a) {
  const int64_t index = (int64_t(blockIdx.x) * kDqThreads + threadIdx.x) / 4;
  const int part = int(threadIdx.x) % 4, d = a.head_size;
  const int64_t row = index / a.heads;
  const int head = int(index % a.heads);
  float sum = 0;
  if (row < a.queries) {
    const T* out = static_cast<const T*>(a.out.data) + row * a.out.ld + head * d;
    const T* dout = static_cast<const T*>(a.dout.data) + row * a.dout.ld + head * d;
    for (int c = part * kUnit; c < d; c += 4 * kUnit) {
      float x[kUnit], y[kUnit];
      load_unit(out + c, kUnit, true, x);
      load_unit(dout + c, kUnit, true, y);
#pragma unroll
      for (int i = 0; i < kUnit; ++i) sum += x[i] * y[i];
    }
  }
  sum += __shfl_xor_sync(0xffffffffu, sum, 1);
  sum += __shfl_xor_sync(0xffffffffu, sum, 2);
  if (part == 0 && row < a.queries) a.delta[head * a.queries + row] = sum;
}

// dq = scale dq_sum, 8 columns a thread.
template <class T>
__global__ void __launch_bounds__(kDqThreads) attention_dq_kernel(const AttentionArguments a) {
  const int64_t width = int64_t(a.heads) * a.head_size, units = width / kUnit;
  const int64_t index = int64_t(blockIdx.x) * kDqThreads + threadIdx.x, row = index / units;
  if (row >= a.queries) return;
  const int64_t c = index % units * kUnit;
  float x[kUnit];
  load_unit(static_cast<const float*>(a.dq_sum) + row * width + c, kUnit, true, x);
#pragma unroll
  for (int i = 0; i < kUnit; ++i) x[i] *= a.scale;
  store_unit(static_cast<T*>(a.dq.data) + row * a.dq.ld + c, kUnit, true, x);
}

// Clears dq_sum and runs key_pass() between the two.
template <class T, class F>
cudaError_t with_atomics(const AttentionArguments& a, cudaStream_t stream, F key_pass) {
  const int64_t width = int64_t(a.heads) * a.head_size;
  const auto blocks = [](int64_t threads) { return unsigned((threads + kDqThreads - 1) / kDqThreads); };
  cudaError_t e = cudaMemsetAsync(a.dq_sum, 0, size_t(a.queries * width) * sizeof(float), stream);
  if (e == cudaSuccess && a.queries > 0)
    e = launch(stream, {.grid = blocks(4 * a.queries * a.heads), .block = kDqThreads}, attention_delta_kernel<T>, a);
  if (e == cudaSuccess) e = key_pass();
  if (e == cudaSuccess && a.queries > 0)
    e = launch(stream, {.grid = blocks(a.queries * width / kUnit), .block = kDqThreads}, attention_dq_kernel<T>, a);
  return e;
}

}  // namespace encore::cuda
