// The statistics of a query for the backward passes: lse, which the forward pass has left, and delta = rowsum(dout *
// out) (FlashAttention-2, section 3.1.2).
#pragma once

#include <cuda_bf16.h>

#include "kernels/cuda/attention/sequence_tiles.cuh"
#include "kernels/cuda/attention/softmax.cuh"

namespace encore::cuda {

// The statistics of a lane's rows g and g + 8.
struct QueryRows {
  float lse2[2];   // lse * log2(e); inf for a row without a visible key or past the end, so its probabilities are 0
  float delta[2];  // rowsum(dout * out)
};

__device__ __forceinline__ float scaled_lse(const AttentionArguments& a, int head, int64_t query, bool inside) {
  const float lse = inside ? a.lse[head * a.lse_ld + query] : -INFINITY;
  return lse == -INFINITY ? INFINITY : lse * kLog2E;
}

// delta of the rows of a block's tile, by two threads a row. Writes it for the pass over keys, and returns that of rows
// g and g + 8.
template <int D>
__device__ __forceinline__ void compute_delta(const AttentionArguments& a, int head, int64_t query_start, int queries,
                                              float (&delta)[2]) {
  const int row = int(threadIdx.x) / 2, part = int(threadIdx.x) % 2, lane = int(threadIdx.x) % 32;
  float sum = 0;
  if (row < queries) {
    const auto* out = head_rows<const __nv_bfloat16>(a.out, query_start + row, head * D);
    const auto* dout = head_rows<const __nv_bfloat16>(a.dout, query_start + row, head * D);
#pragma unroll
    for (int chunk = part; chunk < D / 8; chunk += 2) {
      const uint4 x = *reinterpret_cast<const uint4*>(out + chunk * 8),
                  y = *reinterpret_cast<const uint4*>(dout + chunk * 8);
      const uint32_t xs[4] = {x.x, x.y, x.z, x.w}, ys[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        sum += __uint_as_float(xs[i] << 16) * __uint_as_float(ys[i] << 16);
        sum += __uint_as_float(xs[i] & 0xffff0000u) * __uint_as_float(ys[i] & 0xffff0000u);
      }
    }
  }
  sum += __shfl_xor_sync(kWholeWarp, sum, 1);
  if (part == 0 && row < queries) a.delta[head * a.queries + query_start + row] = sum;
#pragma unroll
  for (int h = 0; h < 2; ++h) delta[h] = __shfl_sync(kWholeWarp, sum, (lane / 4 + 8 * h) * 2);
}

}  // namespace encore::cuda
