// Keep bits of dropout between the two backward passes on Hopper: the pass over queries stores what it draws, and the
// pass over keys reads it. Drawing again there took a third of its time, since a draw has the bits of 32 keys and a
// warp of that pass has 16 (docs/performance.md, "On a GPU").
//
// A tile of 64 x 64 scores is 128 words. Word 32 w + lane has the bits of that lane's scores in warp w of the queries'
// warpgroup, score (n, 2 h + e) at bit 8 (n / 2) + 4 e + 2 h + n % 2; so a lane of the pass over keys finds four of its
// bits in each of eight words.
#pragma once

#include <device/cp_async.cuh>

#include "kernels/cuda/attention/dropout.cuh"
#include "kernels/cuda/attention/tile.cuh"

namespace encore::cuda {

// Sequences of more tiles of keys are drawn twice. With a limit the host knows how many tiles a batch can have without
// reading its lengths.
constexpr int kMostKeyTiles = 8, kKeepWords = 128;

// An upper bound on one head's stored tiles: a sequence of R queries and T keys has at most (R / 64 + 1) min(8, T / 64
// + 1). One more may be read behind the last.
inline int64_t keep_tiles(int64_t queries, int64_t tokens, int sequences) {
  return queries * kMostKeyTiles / kTileRows + tokens / kTileRows + sequences + 1;
}

__device__ __forceinline__ int tiles_of(int rows) {
  return (rows + kTileRows - 1) / kTileRows;
}
// Stored tiles for each tile of queries of sequence n; 0 if its bits are not stored.
__device__ __forceinline__ int stored_in_a_row(const AttentionArguments& a, int n) {
  const int tiles = n < a.sequences ? tiles_of(a.cu_seqlens[n + 1] - a.cu_seqlens[n]) : 0;
  return tiles <= kMostKeyTiles ? tiles : 0;
}
struct StoredTiles {
  int first;     // the sequence's first, among those of all heads
  int in_a_row;  // tiles of keys, for each tile of queries
};
// Every lane of a warp calls it.
__device__ __forceinline__ StoredTiles stored_tiles(const AttentionArguments& a, int head, int sequence) {
  int before = 0;
  for (int n = int(threadIdx.x) % 32; n < sequence; n += 32)
    before += tiles_of(a.cu_seqlens_q[n + 1] - a.cu_seqlens_q[n]) * stored_in_a_row(a, n);
  before = __reduce_add_sync(kWholeWarp, before);
  return {.first = head * int(a.keep_tiles) + before, .in_a_row = stored_in_a_row(a, sequence)};
}
__device__ __forceinline__ uint32_t* words_of_tile(const AttentionArguments& a, int tile) {
  return a.keep_bits + int64_t(tile) * kKeepWords;
}

__device__ constexpr int keep_bit(int n, int h, int e) {
  return 8 * (n / 2) + 4 * e + 2 * h + n % 2;
}

// The keep mask of a lane (g, t) of the pass over keys: bit 4 n + 2 h + e is for key g + 8 h of the warp's 16 and query
// 8 n + 2 t + e of 64. Out of a tile's words in shared memory; warp: of the keys' warpgroup.
__device__ __forceinline__ uint32_t stored_keep_mask(const uint32_t* words, int warp, int lane) {
  const int g = lane / 4, t = lane % 4, shift = 8 * warp + 4 * (g % 2);
  uint32_t mask = 0;
#pragma unroll
  for (int e = 0; e < 2; ++e) {
    uint32_t bits = 0;  // four of each word, in the lower half of a byte
#pragma unroll
    for (int w = 0; w < 4; ++w) bits |= (words[32 * w + (2 * t + e) * 4 + g / 2] >> shift & 15u) << (8 * w);
    bits = (bits | bits << 2) & 0x33333333u;
    bits = (bits | bits << 1) & 0x55555555u;
    mask |= bits << e;
  }
  return mask;
}

// The same mask, drawn. If the queries are all rows, a draw has the bits of two queries, 8 apart; and of the keys of
// two neighbouring g, so each of the two lanes makes half of the draws. positions: of the 64 queries, or null: first,
// first + 1, ... column: the warp's first key within its sequence.
__device__ __forceinline__ uint32_t drawn_keep_mask(const DropoutKey& key, uint32_t threshold, int first,
                                                    const int32_t* positions, int queries, int column, int lane) {
  const int g = lane / 4, t = lane % 4, mine = g % 2;
  const bool upper = column / 16 % 2;  // of the 32 keys of a draw
  uint32_t mask = 0;
#pragma unroll 1
  for (int n = 0; n < 8; n += positions ? 1 : 2) {
    const int query = 8 * n + 2 * t + mine;
    const int position = !positions ? first + query : query < queries ? positions[query] : 0;
    const PhiloxDraw d =
        draw(key.seed, key.example, key.site,
             attention_block(uint32_t(position) >> 4, uint32_t(column / 32), uint32_t((position & 7) << 2 | g / 2)));
    // A word for each key: its lower half is for this position, its upper half for position + 8.
    uint32_t word[2][2] = {{upper ? d.word[2] : d.word[0], upper ? d.word[3] : d.word[1]}, {0, 0}};
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      if (positions) word[0][h] >>= 2 * (position & 8);
      word[1][h] = __shfl_xor_sync(kWholeWarp, word[0][h], 4);
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const uint32_t of = i % 2 == mine ? word[0][i / 2 % 2] : word[1][i / 2 % 2];
      const bool keep = (of >> (8 * mine + i / 4 * 16) & 255u) >= threshold;
      if (keep && (i < 4 || !positions)) mask |= 1u << (4 * n + i);
    }
  }
  return mask;
}

}  // namespace encore::cuda
