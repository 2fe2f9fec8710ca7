// Shared by the attention kernels in fp32. A block has 32 rows of one head and walks over the other side in tiles of
// 32, which it copies by ordinary loads. Thread (ty, tx) of 16 x 16 has the scores (ty, ty + 16) x (tx, tx + 16), and
// two rows and every 16th column of the sums.
#pragma once

#include <device_port.h>

#include <cmath>

#include "kernels/cuda/attention/dropout.cuh"
#include "kernels/cuda/attention/sequence_tiles.cuh"

namespace encore::cuda {

constexpr int kF32Rows = 32, kF32Threads = 256;
static_assert(kF32Threads * 4 == kF32Rows * kF32Rows, "a thread has 2 x 2 scores");
constexpr int kScoreLd = kF32Rows + 1;
template <int D>
constexpr int kF32Ld = D + 4;  // floats; 16 rows read at once fall into different banks
template <int D>
constexpr int kF32Smem = 4 * (4 * kF32Rows * kF32Ld<D> + 2 * kF32Rows * kScoreLd) + kF32Rows* kF32Rows;
static_assert(size_t(kF32Smem<128>) <= kLeastSharedMemory);

template <int D>
struct F32Tiles {
  float *q, *k, *v, *dout;  // [32][kF32Ld]
  float *p, *ds;            // [32][kScoreLd], rows are queries
  uint16_t* keep;           // [32][16], a byte a score
};
template <int D>
__device__ __forceinline__ F32Tiles<D> f32_tiles() {
  float* const smem = dynamic_smem<float>();
  constexpr int kTile = kF32Rows * kF32Ld<D>, kScores = kF32Rows * kScoreLd;
  float* const scores = smem + 4 * kTile;
  return {.q = smem,
          .k = smem + kTile,
          .v = smem + 2 * kTile,
          .dout = smem + 3 * kTile,
          .p = scores,
          .ds = scores + kScores,
          .keep = reinterpret_cast<uint16_t*>(scores + 2 * kScores)};
}

// Rows from `rows` on become zeros and are not read.
template <int D>
__device__ __forceinline__ void load_tile_f32(float* to, const float* from, int64_t ld, int rows) {
#pragma unroll
  for (int i = 0; i < kF32Rows * D / 4 / kF32Threads; ++i) {
    const int index = int(threadIdx.x) + i * kF32Threads, row = index / (D / 4), column = index % (D / 4) * 4;
    float4 x{0, 0, 0, 0};
    if (row < rows) x = *reinterpret_cast<const float4*>(from + row * ld + column);
    *reinterpret_cast<float4*>(to + row * kF32Ld<D> + column) = x;
  }
}
// sum[i][j] += a row ty + 16i times b row tx + 16j.
template <int D>
__device__ __forceinline__ void multiply_f32(float (&sum)[2][2], const float* a, const float* b, int ty, int tx) {
#pragma unroll 4
  for (int c = 0; c < D; c += 4) {
    float4 x[2], y[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      x[i] = *reinterpret_cast<const float4*>(a + (ty + 16 * i) * kF32Ld<D> + c);
      y[i] = *reinterpret_cast<const float4*>(b + (tx + 16 * i) * kF32Ld<D> + c);
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        sum[i][j] = fmaf(x[i].x, y[j].x, sum[i][j]);
        sum[i][j] = fmaf(x[i].y, y[j].y, sum[i][j]);
        sum[i][j] = fmaf(x[i].z, y[j].z, sum[i][j]);
        sum[i][j] = fmaf(x[i].w, y[j].w, sum[i][j]);
      }
    }
  }
}
// sum[i][j] += scores (row, step) or, transposed, (step, row) times rows (step, tx + 16j), over 32 steps.
template <int D, bool kTransposed>
__device__ __forceinline__ void add_product_f32(float (&sum)[2][D / 16], const float* scores, const float* rows, int ty,
                                                int tx) {
#pragma unroll 4
  for (int step = 0; step < kF32Rows; ++step) {
    float x[2];
#pragma unroll
    for (int i = 0; i < 2; ++i)
      x[i] = kTransposed ? scores[step * kScoreLd + ty + 16 * i] : scores[(ty + 16 * i) * kScoreLd + step];
#pragma unroll
    for (int j = 0; j < D / 16; ++j) {
      const float y = rows[step * kF32Ld<D> + tx + 16 * j];
#pragma unroll
      for (int i = 0; i < 2; ++i) sum[i][j] = fmaf(x[i], y, sum[i][j]);
    }
  }
}
// Writes sums times factor through a tile that is free, 16 bytes at a time.
template <int D>
__device__ __forceinline__ void store_accumulators_f32(float* tile, const HeadMatrix& to, int64_t start, int column,
                                                       int rows, const float (&sum)[2][D / 16],
                                                       const float (&factor)[2], int ty, int tx) {
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 2; ++i) {
#pragma unroll
    for (int j = 0; j < D / 16; ++j) tile[(ty + 16 * i) * kF32Ld<D> + tx + 16 * j] = sum[i][j] * factor[i];
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < kF32Rows * D / 4 / kF32Threads; ++i) {
    const int index = int(threadIdx.x) + i * kF32Threads, row = index / (D / 4), c = index % (D / 4) * 4;
    if (row < rows)
      *reinterpret_cast<float4*>(head_rows<float>(to, start + row, column) + c) =
          *reinterpret_cast<const float4*>(tile + row * kF32Ld<D> + c);
  }
}
__device__ __forceinline__ float reduce_row_sum_f32(float x) {
#pragma unroll
  for (int step = 1; step < 16; step *= 2) x += __shfl_xor_sync(kWholeWarp, x, step);
  return x;
}
__device__ __forceinline__ float reduce_row_max_f32(float x) {
#pragma unroll
  for (int step = 1; step < 16; step *= 2) x = fmaxf(x, __shfl_xor_sync(kWholeWarp, x, step));
  return x;
}

// Draws which scores of 32 queries from `first` (of `queries` in the sequence) and 32 keys from `column` are kept. One
// draw fills 16 bytes; if the queries are a subset of the rows, 8 of them, since its other row need not be a query.
__device__ __forceinline__ void draw_keep_bytes(uint16_t* keep, const AttentionArguments& a, int sequence, int head,
                                                int64_t query_start, int first, int queries, int column) {
  const int index = int(threadIdx.x), t = index % 4;
  if (index >= (a.q_position ? 128 : 64)) return;
  const int row = a.q_position ? index / 4 : index / 32 * 16 + index % 32 / 4;
  int position = first + row;
  if (a.q_position) position = first + row < queries ? a.q_position[query_start + first + row] : 0;
  const PhiloxDraw d =
      draw(a.seed, a.example_keys[sequence], draw_site(a.layer, Site::kAttentionProbabilities, uint32_t(head)),
           attention_block(uint32_t(position) >> 4, uint32_t(column) / 32, uint32_t((position & 7) << 2 | t)));
#pragma unroll
  for (int o = 0; o < 4; ++o) {
    const uint32_t top = d.word[o] >> ((position & 8) << 1), bottom = d.word[o] >> 16;
    keep[row * 16 + o * 4 + t] = uint16_t(is_kept(top, 0, a.threshold) | is_kept(top, 1, a.threshold) << 8);
    if (!a.q_position)
      keep[(row + 8) * 16 + o * 4 + t] =
          uint16_t(is_kept(bottom, 0, a.threshold) | is_kept(bottom, 1, a.threshold) << 8);
  }
}
__device__ __forceinline__ bool is_kept_at(const uint16_t* keep, int row, int column) {
  return (keep[row * 16 + column / 2] >> (column % 2 * 8) & 1) != 0;
}
__device__ __forceinline__ bool is_visible(const AttentionArguments& a, int64_t key_start, int key, int keys) {
  return key < keys && (!a.visible || a.visible[key_start + key]);
}

// The block's tile, the rows of its sequence, and the thread's place.
struct F32Block {
  int sequence, first, head, ty, tx;
  int64_t key_start, query_start;
  int keys, queries;
};
template <TilesOf kTilesOf>
__device__ __forceinline__ F32Block f32_block(const AttentionArguments& a) {
  constexpr bool kOfKeys = kTilesOf == TilesOf::kKeys;
  const SequenceTile tile = find_tile(kOfKeys ? a.cu_seqlens : a.cu_seqlens_q, a.sequences,
                                      kOfKeys ? a.tokens : a.queries, kF32Rows, int(blockIdx.x));
  F32Block b{.sequence = tile.sequence,
             .first = tile.first,
             .head = int(blockIdx.y),
             .ty = int(threadIdx.x) / 16,
             .tx = int(threadIdx.x) % 16,
             .key_start = 0,
             .query_start = 0,
             .keys = 0,
             .queries = 0};
  if (b.sequence < 0) return b;
  const SequenceRows rows = sequence_rows<kTilesOf>(a, b.sequence);
  b.key_start = rows.key_start, b.query_start = rows.query_start, b.keys = rows.keys, b.queries = rows.queries;
  return b;
}
template <int D>
__device__ __forceinline__ void load_rows_f32(float* to, const HeadMatrix& m, const F32Block& b, int64_t start,
                                              int first, int count) {
  load_tile_f32<D>(to, head_rows<const float>(m, start + first, b.head * D), m.ld, count - first);
}

// A block for every 32 rows of each sequence and head.
template <int D>
LaunchShape f32_shape(const AttentionArguments& a, int64_t rows) {
  return {.grid = dim3(tile_bound(rows, a.sequences, kF32Rows), unsigned(a.heads)),
          .block = dim3(kF32Threads),
          .smem = size_t(kF32Smem<D>)};
}

}  // namespace encore::cuda
