// Sums in a fixed order: over a warp, over a block, over the rows of a column tile.
#pragma once

#include <device_port.h>

#include "kernels/cuda/rows/unit.cuh"

namespace encore::cuda {

__device__ __forceinline__ float warp_sum(float v) {
#pragma unroll
  for (int bit = 16; bit > 0; bit /= 2) v += __shfl_xor_sync(0xffffffffu, v, bit);
  return v;
}

template <int kWarps, int kValues>
struct BlockSums {
  float of[2][kWarps][kValues];  // two buffers
};

// Every thread gets the sums of v over the block. Calls must alternate `buffer` (0, 1, 0, ...): a fast warp may write
// the next call's partial sums while a slow one still reads this call's, so one barrier a call is enough.
template <int kThreads, int kValues>
__device__ __forceinline__ void block_sums(float (&v)[kValues], int buffer) {
  static_assert(kThreads % 32 == 0, "whole warps");
#pragma unroll
  for (int i = 0; i < kValues; ++i) v[i] = warp_sum(v[i]);
  if constexpr (kThreads > 32) {
    auto& shared = static_smem<BlockSums<kThreads / 32, kValues>>().of[buffer];
    const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
    if (lane == 0) {
#pragma unroll
      for (int i = 0; i < kValues; ++i) shared[warp][i] = v[i];
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kValues; ++i) {
      v[i] = shared[0][i];
#pragma unroll
      for (int w = 1; w < kThreads / 32; ++w) v[i] += shared[w][i];
    }
  }
}

// A column tile: a block of 4 warps owns 256 columns, 8 a lane, and its warps take every fourth row.
inline constexpr int kTileWarps = 4, kTileColumns = 32 * kUnit, kTileThreads = 32 * kTileWarps;

struct TileSums {
  float of[kTileWarps - 1][kTileColumns];
};

// Warp 0 gets the sums over the block's warps of its lane's 8 columns. At most once in a kernel: nothing protects the
// shared sums from a second call.
__device__ __forceinline__ void tile_sums(float (&v)[kUnit]) {
  TileSums& shared = static_smem<TileSums>();
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  if (warp > 0) {
#pragma unroll
    for (int i = 0; i < kUnit; ++i) shared.of[warp - 1][i * 32 + lane] = v[i];
  }
  __syncthreads();
  if (warp > 0) return;
#pragma unroll
  for (int w = 0; w < kTileWarps - 1; ++w)
#pragma unroll
    for (int i = 0; i < kUnit; ++i) v[i] += shared.of[w][i * 32 + lane];
}

}  // namespace encore::cuda
