// The keep bits of attention's dropout that the backward pass over queries leaves in memory for the pass over keys,
// where drawing them again would take a third of the time: a draw serves 32 keys, and a warp there has 16. A tile of 64
// x 64 scores is 128 words: word 32 w + lane has the bits of that lane's scores in warp w of the queries' warpgroup,
// score (n, 2 h + e) at bit 8 (n / 2) + 4 e + 2 h + n % 2. So the keys' lanes read four of theirs from each of eight
// words.
#pragma once

#include <device/cp_async.cuh>

#include "kernels/cuda/attention/tile.cuh"

namespace encore::cuda {

// Sequences of more key tiles draw twice: how many tiles a batch can have is known beforehand only with a limit.
constexpr int kMostKeyTiles = 8, kKeepWords = 128;

// An upper bound on the tiles of one head whose bits are kept, known without reading the lengths: a sequence of R rows
// and T keys has at most (R / 64 + 1) min(8, T / 64 + 1). One more may be read after the last.
inline int64_t keep_tiles(int64_t queries, int64_t tokens, int sequences) {
  return queries * kMostKeyTiles / kTileRows + tokens / kTileRows + sequences + 1;
}

__device__ __forceinline__ int tiles_of(int rows) {
  return (rows + kTileRows - 1) / kTileRows;
}
// Tiles in a row of tiles of sequence n; 0 where its bits are not kept.
__device__ __forceinline__ int kept_in_a_row(const AttentionArguments& a, int n) {
  const int tiles = n < a.sequences ? tiles_of(a.cu_seqlens[n + 1] - a.cu_seqlens[n]) : 0;
  return tiles <= kMostKeyTiles ? tiles : 0;
}
struct KeptTiles {
  int first;  // the sequence's first tile, of all heads'
  int in_a_row;
};
// Every lane of a warp calls it.
__device__ __forceinline__ KeptTiles kept_tiles(const AttentionArguments& a, int head, int sequence) {
  int before = 0;
  for (int n = int(threadIdx.x) % 32; n < sequence; n += 32)
    before += tiles_of(a.cu_seqlens_q[n + 1] - a.cu_seqlens_q[n]) * kept_in_a_row(a, n);
  before = __reduce_add_sync(kWholeWarp, before);
  return {head * int(a.keep_tiles) + before, kept_in_a_row(a, sequence)};
}
__device__ __forceinline__ uint32_t* words_of(const AttentionArguments& a, int tile) {
  return a.keep_bits + int64_t(tile) * kKeepWords;
}

__device__ constexpr int keep_bit(int n, int h, int e) {
  return 8 * (n / 2) + 4 * e + 2 * h + n % 2;
}

// Bits of the transposed scores of a lane (g, t), warp `warp` of the keys' warpgroup, out of a tile's words in shared
// memory: bit 4 n + 2 h + e is for key g + 8 h of the warp's 16 and query 8 n + 2 t + e of 64.
__device__ __forceinline__ uint32_t kept_of_words(const uint32_t* words, int warp, int lane) {
  const int g = lane / 4, t = lane % 4, shift = 8 * warp + 4 * (g % 2);
  uint32_t kept = 0;
#pragma unroll
  for (int e = 0; e < 2; ++e) {
    uint32_t bits = 0;  // four of each word, in the lower half of a byte
#pragma unroll
    for (int w = 0; w < 4; ++w) bits |= (words[32 * w + (2 * t + e) * 4 + g / 2] >> shift & 15u) << (8 * w);
    bits = (bits | bits << 2) & 0x33333333u;
    bits = (bits | bits << 1) & 0x55555555u;
    kept |= bits << e;
  }
  return kept;
}

}  // namespace encore::cuda
