// Fused attention over packed sequences: O = dropout(softmax(scale Q K^T)) V, per head and per sequence, streamed in
// tiles; no S x S matrix is ever in memory. (Dao et al., "FlashAttention", 2022; Dao, "FlashAttention-2", 2023.)
//
// Shape letters: T tokens of keys/values, R query rows (R = T, or the rows that the head reads), A heads, D head size,
// N sequences. Heads lie side by side in a row: column a * D + d. q, k, v are usually column ranges of one qkv
// [T, 3 A D].
#pragma once

#include "kernels/base/tensor.h"

namespace encore {

// The head sizes D that every backend serves.
inline constexpr int kHeadSizes[] = {32, 64, 96, 128};

class Backend;

struct AttentionDropout {
  float p = 0;  // rounded to 1/256 (kernels/base/rng.h)
  uint64_t seed = 0;
  uint32_t layer = 0;   // the site is draw_site(layer, kAttentionProbabilities, head)
  Tensor example_keys;  // [1, N] u64; needed when p > 0
};

struct AttentionShape {
  int heads = 0;      // A
  int head_size = 0;  // D, one of kHeadSizes
  float scale = 0;    // usually 1/sqrt(D)
  Tensor cu_seqlens;  // [1, N+1] i32: keys of sequence n are rows cu_seqlens[n] .. cu_seqlens[n+1]. Starts at 0, ends
                      // at T, never falls; an empty sequence is allowed.
  // For queries that are a subset of the rows (last layer). Both are given or neither.
  Tensor cu_seqlens_q;  // [1, N+1] i32 over the R query rows; absent: as cu_seqlens
  Tensor q_position;    // [1, R] i32 position of each query row in its sequence, rising within a sequence; absent: 0..
  Tensor visible;       // [1, T] u8, 0 = no query sees this key; absent: all keys are seen. A query that sees no key
                        // gives zeros and lse = -inf.
  // True for a batch of a fixed capacity (live_rows.h): cu_seqlens may end below T and cu_seqlens_q below R (spare
  // sequences are empty). The rows behind that end are not read; their out, dq, dk and dv become zeros, their lse -inf.
  bool spare_rows = false;
};

struct AttentionForward {
  Tensor q, k, v;  // in  [R, A D], [T, A D], [T, A D]; same float dtype, may be strided
  Tensor out;      // out [R, A D]
  Tensor lse;      // out [A, R] fp32: natural log of the sum of exp(scale q.k); saved for the backward pass
  AttentionShape shape;
  AttentionDropout dropout;
};

struct AttentionBackward {
  Tensor dout, q, k, v, out, lse;  // in, as above
  Tensor dq, dk, dv;               // out [R, A D], [T, A D], [T, A D]. Overwritten. May be strided.
  AttentionShape shape;
  AttentionDropout dropout;
  // false: a backend may sum dq in any order (atomics), which is faster; its last bits then differ from run to run.
  bool deterministic = true;
};

// Throws Error if a shape above does not hold, a head size is not served, or p > 0 without example keys.
void attention_forward(Backend&, const AttentionForward&);
void attention_backward(Backend&, const AttentionBackward&);

}  // namespace encore
