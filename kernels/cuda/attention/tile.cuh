// What the attention kernels share: which tile a block has, tiles in shared memory, products of tiles, dropout bits.
//
// A tile is 64 rows of one head, D columns of bf16. Its 16-byte chunks are permuted within each row so that the eight
// rows of an ldmatrix phase, and the eight rows x four lanes of a fragment's store, fall into different banks.
#pragma once

#include <cuda_bf16.h>
#include <device_port.h>

#include <cmath>
#include <device/cp_async.cuh>
#include <device/ldmatrix.cuh>
#include <device/mma.cuh>

#include "kernels/base/rng.h"
#include "kernels/cuda/attention/launches.h"

namespace encore::cuda {

constexpr int kTileRows = 64;
constexpr float kLog2E = 1.4426950408889634f;
constexpr unsigned kWholeWarp = 0xffffffffu;

template <int D>
constexpr int kTileBytes = kTileRows* D * 2;

struct SequenceTile {
  int sequence;  // -1: there is no such tile
  int first;     // its first row within the sequence
};

// The index-th tile of `rows` rows, each sequence starting a new one; sequence number `sequences` is what lies past the
// last, up to row `end`. Every warp of a block calls it.
__device__ __forceinline__ SequenceTile find_tile(const int32_t* starts, int sequences, int64_t end, int rows,
                                                  int index) {
  const int lane = int(threadIdx.x) % 32;
  for (int base = 0; base <= sequences; base += 32) {
    const int n = base + lane;
    int count = 0;
    if (n <= sequences) count = ((n < sequences ? starts[n + 1] : int(end)) - starts[n] + rows - 1) / rows;
    int sum = count;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
      const int before = __shfl_up_sync(kWholeWarp, sum, unsigned(step));
      if (lane >= step) sum += before;
    }
    const unsigned past = __ballot_sync(kWholeWarp, sum > index);
    if (past != 0) {
      const int owner = __ffs(int(past)) - 1;
      return {base + owner, (index - __shfl_sync(kWholeWarp, sum - count, owner)) * rows};
    }
    index -= __shfl_sync(kWholeWarp, sum, 31);
  }
  return {-1, 0};
}
// An upper bound on the number of tiles, known without reading `starts`.
inline unsigned tile_bound(int64_t rows, int sequences, int tile_rows) {
  return unsigned(rows / tile_rows + sequences + 1);
}

// The keys and the queries that a tile meets. What lies past the last sequence meets nobody.
struct TileRange {
  int64_t key_start, query_start;
  int keys, queries;
};
template <bool kOfKeys>
__device__ __forceinline__ TileRange range_of(const AttentionArguments& a, int sequence) {
  const int32_t key_start = a.cu_seqlens[sequence], query_start = a.cu_seqlens_q[sequence];
  if (sequence < a.sequences)
    return {key_start, query_start, a.cu_seqlens[sequence + 1] - key_start, a.cu_seqlens_q[sequence + 1] - query_start};
  return {key_start, query_start, kOfKeys ? int(a.tokens) - key_start : 0, kOfKeys ? 0 : int(a.queries) - query_start};
}
__device__ __forceinline__ uint64_t example_of(const AttentionArguments& a, int sequence) {
  return sequence < a.sequences ? a.example_keys[sequence] : 0;
}

// A head's rows from `row` on.
template <class T>
__device__ __forceinline__ T* head_rows(const HeadMatrix& m, int64_t row, int column) {
  return static_cast<T*>(m.data) + row * m.ld + column;
}

// Bytes from the start of a tile with rows of kRowBytes to a chunk of 16.
template <int kRowBytes>
__device__ __forceinline__ uint32_t swizzled(int row, int chunk) {
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
// Puts columns 2t, 2t+1 of 8 columns (one chunk) of a row into a tile.
template <int kRowBytes>
__device__ __forceinline__ void put_pair(unsigned char* tile, int row, int chunk, int t, float a, float b) {
  *reinterpret_cast<uint32_t*>(tile + swizzled<kRowBytes>(row, chunk) + 4 * t) = ptx::pack_bf16x2(a, b);
}

// Operands of mma.m16n8k16 out of a tile; `chunk` counts 8 columns.
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
// Two B[16,8] (b[0], b[1] and b[2], b[3]), the transposes of the tile's rows row..+7, row+8..+15 x 16 columns.
template <int kRowBytes>
__device__ __forceinline__ void load_b(uint32_t (&b)[4], uint32_t tile, int row, int chunk, int lane) {
  ptx::ldmatrix_x4(b, tile + swizzled<kRowBytes>(row + (lane & 7) + (lane >> 4 << 3), chunk + (lane >> 3 & 1)));
}
// Two B[16,8], the tile's rows row..+15 x columns of chunk and of chunk + 1.
template <int kRowBytes>
__device__ __forceinline__ void load_b_rows(uint32_t (&b)[4], uint32_t tile, int row, int chunk, int lane) {
  ptx::ldmatrix_x4_trans(b, tile + swizzled<kRowBytes>(row + (lane & 15), chunk + (lane >> 4)));
}

// Bits of the scores of two rows and 32 columns that a lane's accumulators hold: byte e of word o is for the pair's
// element e of n8 tile o.
struct KeepBits {
  uint32_t top[4], bottom[4];
};
struct DropoutKey {
  uint64_t seed, example;
  uint32_t site;
};
__device__ __forceinline__ DropoutKey dropout_key(const AttentionArguments& a, int sequence, int head) {
  return {a.seed, example_of(a, sequence), draw_site(a.layer, Site::kAttentionProbabilities, uint32_t(head))};
}
// t = lane % 4. All rows: bottom = top + 8, and one draw serves both. A subset of rows: a draw for each.
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

// Positions in their sequence of the rows g and g + 8 of a warp's 16 (rows past the end: any).
__device__ __forceinline__ void row_positions(const AttentionArguments& a, int64_t start, int row, int rows,
                                              int (&position)[2]) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    position[h] = row + 8 * h;
    if (a.q_position) position[h] = row + 8 * h < rows ? a.q_position[start + row + 8 * h] : 8 * h;
  }
}

}  // namespace encore::cuda
