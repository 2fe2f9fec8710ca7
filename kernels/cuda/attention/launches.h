// Fused attention on a GPU: the arguments of its kernels, and the functions that launch them. kernels/ops/attention.h
// has the formulas. CudaBackend checks the arguments and fills them in (attention.cu).
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace encore::cuda {

// The shared memory of a block that every card has: 8.6, 8.9 and 12.x.
constexpr size_t kLeastSharedMemory = 99 * 1024;

// The rows of all heads, side by side: element (row, head, d) is data[row * ld + head * D + d].
// REQUIRES: data is 16-byte aligned, and a row of ld elements is a multiple of 16 bytes.
struct HeadMatrix {
  void* data;
  int64_t ld;
};

// Rows past the last sequence are not read. In the results they are zeros, and their lse is -inf.
struct AttentionArguments {
  HeadMatrix q, k, v, out;
  HeadMatrix dout{}, dq{}, dk{}, dv{};  // backward
  float* lse;                           // [A, R], rows lse_ld apart
  int64_t lse_ld;
  float* delta = nullptr;         // backward: workspace [A, R]
  float* dq_sum = nullptr;        // backward with atomics: workspace [R, A D], else null
  uint32_t* keep_bits = nullptr;  // backward by wgmma with dropout: workspace [A, keep_tiles, 128] (keep_bits.cuh)
  int64_t keep_tiles = 0;
  const int32_t* cu_seqlens;     // [N+1]
  const int32_t* cu_seqlens_q;   // [N+1]; the same as cu_seqlens if the queries are all rows
  const int32_t* q_position;     // [R], or null: the queries are all rows
  const uint8_t* visible;        // [T], or null: all keys are visible
  const uint64_t* example_keys;  // [N] where threshold > 0
  int64_t queries, tokens;       // R, T
  int sequences, heads, head_size;
  float scale;
  uint32_t threshold;  // a score is kept if its byte of the draw is at least this (kernels/base/rng.h); 0: no dropout
  float keep_scale;
  uint64_t seed;
  uint32_t layer;
  size_t shared_limit = kLeastSharedMemory;  // bytes of shared memory that a block of this card may have
};

// All return cudaErrorInvalidValue for a head size other than 32, 64, 96 and 128.
// bf16: products by mma.sync with fp32 accumulators.
cudaError_t attention_forward_bf16(const AttentionArguments&, cudaStream_t);
// Deterministic: a pass over tiles of queries (dq, delta), then one over tiles of keys (dk, dv). Where dq_sum is given,
// the pass over keys alone, which adds to dq_sum by atomics: five products of tiles instead of seven.
cudaError_t attention_backward_bf16(const AttentionArguments&, cudaStream_t);
// Hopper, head size 64: products by wgmma. Backward is deterministic and does not use dq_sum.
cudaError_t attention_forward_wgmma(const AttentionArguments&, cudaStream_t);
cudaError_t attention_backward_wgmma(const AttentionArguments&, cudaStream_t);
// fp32: products by fp32 multiply-adds (no TF32). Backward takes dq_sum as the bf16 one does.
cudaError_t attention_forward_f32(const AttentionArguments&, cudaStream_t);
cudaError_t attention_backward_f32(const AttentionArguments&, cudaStream_t);

}  // namespace encore::cuda
