// Fused attention on a card: what its kernels are given, and the functions that launch them. kernels/ops/attention.h
// says what they compute; CudaBackend checks the arguments and fills AttentionArguments in.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace encore::cuda {

// Rows of heads side by side: element (row, head, d) is data[row * ld + head * D + d].
// REQUIRES: data is 16-byte aligned, and a row of ld elements is a multiple of 16 bytes.
struct HeadMatrix {
  void* data;
  int64_t ld;
};

// Rows past the last sequence are zeros on output (lse -inf), and not read.
struct AttentionArguments {
  HeadMatrix q, k, v, out;
  HeadMatrix dout, dq, dk, dv;  // backward
  float* lse;                   // [A, R], rows lse_ld apart
  int64_t lse_ld;
  float* delta;         // backward: workspace [A, R]
  float* dq_sum;        // backward with atomics: workspace [R, A D]
  uint32_t* keep_bits;  // backward by wgmma with dropout: workspace [A, keep_tiles, 128] (attention_keep.cuh)
  int64_t keep_tiles;
  const int32_t* cu_seqlens;     // [N+1]
  const int32_t* cu_seqlens_q;   // [N+1]; the same as cu_seqlens if the queries are all rows
  const int32_t* q_position;     // [R], or null: the queries are all rows
  const uint8_t* visible;        // [T], or null: all keys are seen
  const uint64_t* example_keys;  // [N] where threshold > 0
  int64_t queries, tokens;       // R, T
  int sequences, heads, head_size;
  float scale;
  uint32_t threshold;  // of the bytes of a draw (kernels/base/rng.h); 0: no dropout
  float keep_scale;
  uint64_t seed;
  uint32_t layer;
};

// Return cudaErrorInvalidValue for a head size other than 32, 64, 96 and 128.
// bf16: products by mma.sync with fp32 accumulators.
cudaError_t attention_forward_bf16(const AttentionArguments&, cudaStream_t);
// Deterministic, without atomics: a pass over query tiles (dq, delta), then one over key tiles (dk, dv). Where dq_sum
// is given, one pass over key tiles adds to it by atomics instead, five products of tiles in place of seven.
cudaError_t attention_backward_bf16(const AttentionArguments&, cudaStream_t);
// On Hopper, head size 64: products by wgmma. Deterministic, dq_sum has no use.
cudaError_t attention_forward_wgmma(const AttentionArguments&, cudaStream_t);
cudaError_t attention_backward_wgmma(const AttentionArguments&, cudaStream_t);
// fp32: products by fp32 multiply-add alone (no TF32). Backward likewise.
cudaError_t attention_forward_f32(const AttentionArguments&, cudaStream_t);
cudaError_t attention_backward_f32(const AttentionArguments&, cudaStream_t);

}  // namespace encore::cuda
