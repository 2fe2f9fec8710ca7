// Row dropout on the device: the bits of kernels/base/rng.h.
#pragma once

#include "kernels/base/rng.h"
#include "kernels/cuda/rows/unit.cuh"

namespace encore::cuda {

struct RowDraws {
  uint32_t threshold;  // 0: dropout is off
  float scale;
  uint64_t seed;
  uint32_t site;
  const int32_t *sequence, *position;  // [rows]
  const uint64_t* keys;                // [sequences]
};

// The part of a draw's counter that all units of a row share.
struct RowDraw {
  uint64_t example;
  uint32_t position;
};
__device__ __forceinline__ RowDraw draws_of_row(const RowDraws& d, int64_t r) {
  if (d.threshold == 0) return {0, 0};
  return {d.keys[d.sequence[r]], uint32_t(d.position[r])};
}

// x[i] *= 0 or the scale, for unit `unit` of the row. A NaN that is dropped becomes 0.
__device__ __forceinline__ void drop(const RowDraws& d, RowDraw row, int unit, float (&x)[kUnit]) {
  static_assert(kUnit == 8, "one draw of 128 bits has 16 for each column of a unit");
  if (d.threshold == 0) return;
  const PhiloxDraw bits = draw(d.seed, row.example, d.site, row_block(row.position, uint32_t(unit)));
#pragma unroll
  for (int i = 0; i < kUnit; ++i) {
    const uint32_t mine = i % 2 ? bits.word[i / 2] >> 16 : bits.word[i / 2] & 0xffffu;
    x[i] = mine >= d.threshold ? x[i] * d.scale : 0.f;
  }
}

}  // namespace encore::cuda
