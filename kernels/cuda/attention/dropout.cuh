// Dropout of attention probabilities: the keep bits of the scores that a lane holds, drawn by Philox
// (kernels/base/rng.h).
#pragma once

#include <cuda_runtime.h>

#include "kernels/base/rng.h"
#include "kernels/cuda/attention/sequence_tiles.cuh"

namespace encore::cuda {

// The keep bits of two rows and 32 columns in the layout of mma.m16n8k16's accumulators: byte e of word o is drawn for
// element e of the pair in n8 tile o.
struct KeepBits {
  uint32_t top[4], bottom[4];
};
struct DropoutKey {
  uint64_t seed, example;
  uint32_t site;
};
__device__ __forceinline__ DropoutKey dropout_key(const AttentionArguments& a, int sequence, int head) {
  return {.seed = a.seed,
          .example = sequence < a.sequences ? a.example_keys[sequence] : 0,
          .site = draw_site(a.layer, Site::kAttentionProbabilities, uint32_t(head))};
}
// t = lane % 4. If the queries are all rows, bottom = top + 8, and one draw has the bits of both. If they are a subset,
// each row needs a draw of its own.
__device__ __forceinline__ KeepBits draw_keep_bits(const DropoutKey& key, int top, int bottom, int column32, int t) {
  const auto draw_row = [&](int position) {
    return draw(key.seed, key.example, key.site,
                attention_block(uint32_t(position) >> 4, uint32_t(column32), uint32_t((position & 7) << 2 | t)));
  };
  KeepBits bits;
  PhiloxDraw d = draw_row(top);
#pragma unroll
  for (int o = 0; o < 4; ++o) bits.top[o] = d.word[o] >> ((top & 8) << 1);
  if (bottom >> 4 != top >> 4 || ((bottom ^ top) & 7) != 0) d = draw_row(bottom);
#pragma unroll
  for (int o = 0; o < 4; ++o) bits.bottom[o] = d.word[o] >> ((bottom & 8) << 1);
  return bits;
}
__device__ __forceinline__ bool is_kept(uint32_t word, int e, uint32_t threshold) {
  return (word >> (8 * e) & 255u) >= threshold;
}

// Positions in their sequence of rows g and g + 8 of a warp's 16; any value for rows past the end.
__device__ __forceinline__ void row_positions(const AttentionArguments& a, int64_t start, int row, int rows,
                                              int (&position)[2]) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    position[h] = row + 8 * h;
    if (a.q_position) position[h] = row + 8 * h < rows ? a.q_position[start + row + 8 * h] : 8 * h;
  }
}

// Sets the dropped ones of 64 keys from `column` on to zero.
__device__ __forceinline__ void apply_dropout(float (&s)[8][4], const DropoutKey& key, const int (&position)[2],
                                              int column, int t, uint32_t threshold) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const KeepBits bits = draw_keep_bits(key, position[0], position[1], column / 32 + half, t);
#pragma unroll
    for (int o = 0; o < 4; ++o) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        if (!is_kept(bits.top[o], e, threshold)) s[4 * half + o][e] = 0;
        if (!is_kept(bits.bottom[o], e, threshold)) s[4 * half + o][2 + e] = 0;
      }
    }
  }
}

}  // namespace encore::cuda
