// Attention of one head over one sequence (kernels/ops/attention.h), as one worker computes it.
#pragma once

#include <stddef.h>

#include "kernels/cpu/vec/dispatch.h"

namespace encore::cpu {

// Rows of one head: the elements of row r are data + r ld .. + head size, float or bfloat16.
struct HeadRows {
  void* data;
  int64_t ld;  // in elements
};

// Dropout on the probabilities of one head of one sequence (kernels/base/rng.h). threshold 0: off.
struct AttentionDraws {
  uint32_t threshold;
  float scale;
  uint64_t seed;
  uint64_t example;
  uint32_t site;
};

struct AttentionHead {
  HeadRows q, k, v;
  int64_t queries, keys;
  const int32_t* position;  // of each query row; null: first_position, first_position + 1, ...
  int64_t first_position;   // a multiple of 16
  const uint8_t* visible;   // of each key; null: all
  float* lse;               // of each query row; out (forward), in (backward)
  int head_size;
  float scale;
  AttentionDraws draws;
};

struct AttentionHeadBackward {
  AttentionHead head;
  HeadRows dout, out;  // in
  int64_t first_key;   // this worker's share of the keys: first_key, a multiple of 64, ..
  int64_t last_key;    // .. to last_key - 1
  HeadRows dk, dv;     // out: of all keys of the sequence; only the share's rows are written
  HeadRows dq;         // out
  float* dq_part;      // [queries, head size] or null; if given, takes the share's part of dq / scale instead of dq
};

// Bytes of scratch for one worker.
size_t attention_forward_scratch(int64_t keys, int head_size);
size_t attention_backward_scratch(int64_t queries, int head_size);

}  // namespace encore::cpu

ENCORE_VEC_DECLARE(void, attention_forward_f32,
                   (const encore::cpu::AttentionHead& head, encore::cpu::HeadRows out, void* scratch));
ENCORE_VEC_DECLARE(void, attention_forward_bf16,
                   (const encore::cpu::AttentionHead& head, encore::cpu::HeadRows out, void* scratch));
ENCORE_VEC_DECLARE(void, attention_backward_f32, (const encore::cpu::AttentionHeadBackward& a, void* scratch));
ENCORE_VEC_DECLARE(void, attention_backward_bf16, (const encore::cpu::AttentionHeadBackward& a, void* scratch));
