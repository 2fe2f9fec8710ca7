// Tiles in shared memory: 64 rows of one head, D columns of bf16, copied by cp.async and read by ldmatrix.
//
// The 16-byte chunks of a row are permuted (128-byte swizzle where the row allows it), so that neither the eight rows
// of an ldmatrix phase nor the eight rows x four lanes of a fragment's store meet in a bank. `chunk` counts 8 columns.
#pragma once

#include <cuda_bf16.h>
#include <device_port.h>

#include <device/cp_async.cuh>
#include <device/ldmatrix.cuh>
#include <device/mma.cuh>

#include "kernels/cuda/attention/sequence_tiles.cuh"

namespace encore::cuda {

constexpr int kTileRows = 64;
template <int D>
constexpr int kTileBytes = kTileRows* D * 2;

// Bytes from the start of a tile with rows of kRowBytes to a chunk.
template <int kRowBytes>
__device__ __forceinline__ uint32_t swizzled(int row, int chunk) {
  static_assert(kRowBytes % 64 == 0);
  const int permuted = kRowBytes % 128 == 0 ? chunk ^ (row & 7) : chunk ^ (row >> 1 & 3);
  return uint32_t(row * kRowBytes + (permuted << 4));
}

// Starts copying a tile; rows from `rows` on become zeros and are not read.
template <int D, int kThreads>
__device__ __forceinline__ void load_tile(uint32_t to, const __nv_bfloat16* from, int64_t ld, int rows) {
  constexpr int kChunks = D / 8;
  static_assert(kTileRows * kChunks % kThreads == 0);
#pragma unroll
  for (int i = 0; i < kTileRows * kChunks / kThreads; ++i) {
    const int index = int(threadIdx.x) + i * kThreads, row = index / kChunks, chunk = index % kChunks;
    const bool inside = row < rows;
    ptx::cp_async_16(to + swizzled<2 * D>(row, chunk), inside ? from + row * ld + chunk * 8 : from, inside ? 16 : 0);
  }
}
// Writes a tile's first `rows` rows.
template <int D, int kThreads>
__device__ __forceinline__ void store_tile(const unsigned char* tile, __nv_bfloat16* to, int64_t ld, int rows) {
  constexpr int kChunks = D / 8;
#pragma unroll
  for (int i = 0; i < kTileRows * kChunks / kThreads; ++i) {
    const int index = int(threadIdx.x) + i * kThreads, row = index / kChunks, chunk = index % kChunks;
    if (row < rows)
      *reinterpret_cast<uint4*>(to + row * ld + chunk * 8) =
          *reinterpret_cast<const uint4*>(tile + swizzled<2 * D>(row, chunk));
  }
}

// Puts columns 2t, 2t+1 of a row's chunk into a tile, rounded to bf16.
template <int kRowBytes>
__device__ __forceinline__ void store_pair(unsigned char* tile, int row, int chunk, int t, float a, float b) {
  *reinterpret_cast<uint32_t*>(tile + swizzled<kRowBytes>(row, chunk) + 4 * t) = ptx::pack_bf16x2(a, b);
}
// Puts rows `row` and `row` + 8 of accumulators, times factor, into a tile, from `chunk` on. From there store_tile
// writes them 16 bytes at a time, behind a barrier.
template <int kRowBytes, int N>
__device__ __forceinline__ void store_accumulators(unsigned char* tile, const float (&x)[N][4], int row, int chunk,
                                                   int t, const float (&factor)[2]) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
#pragma unroll
    for (int n = 0; n < N; ++n)
      store_pair<kRowBytes>(tile, row + 8 * h, chunk + n, t, x[n][2 * h] * factor[h], x[n][2 * h + 1] * factor[h]);
  }
}

// Operands of mma.m16n8k16 out of a tile.
// A[16,16] at (row, chunk).
template <int kRowBytes>
__device__ __forceinline__ void load_a(uint32_t (&a)[4], uint32_t tile, int row, int chunk, int lane) {
  ptx::ldmatrix_x4(a, tile + swizzled<kRowBytes>(row + (lane & 15), chunk + (lane >> 4)));
}
// A[16,16], the transpose of the tile's rows row.. x columns of chunk, chunk + 1.
template <int kRowBytes>
__device__ __forceinline__ void load_a_transposed(uint32_t (&a)[4], uint32_t tile, int row, int chunk, int lane) {
  ptx::ldmatrix_x4_trans(a, tile + swizzled<kRowBytes>(row + (lane & 7) + (lane >> 4 << 3), chunk + (lane >> 3 & 1)));
}
// Two B[16,8] (b[0], b[1] and b[2], b[3]), the tile's rows row..row+15 x columns of chunk and of chunk + 1.
template <int kRowBytes>
__device__ __forceinline__ void load_b(uint32_t (&b)[4], uint32_t tile, int row, int chunk, int lane) {
  ptx::ldmatrix_x4_trans(b, tile + swizzled<kRowBytes>(row + (lane & 15), chunk + (lane >> 4)));
}
// Two B[16,8], the transposes of the tile's rows row..row+7, row+8..row+15 x 16 columns.
template <int kRowBytes>
__device__ __forceinline__ void load_b_transposed(uint32_t (&b)[4], uint32_t tile, int row, int chunk, int lane) {
  ptx::ldmatrix_x4(b, tile + swizzled<kRowBytes>(row + (lane & 7) + (lane >> 4 << 3), chunk + (lane >> 3 & 1)));
}

}  // namespace encore::cuda
