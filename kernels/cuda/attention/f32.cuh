// Forward and backward in fp32: plain fused multiply-adds. A block has 32 rows of one head and walks over the other
// side in tiles of 32. Thread (ty, tx) of 16 x 16 has scores (ty, ty + 16) x (tx, tx + 16) and, of what it sums, two
// rows and every 16th column.
#pragma once

#include "kernels/cuda/attention/tile.cuh"

namespace encore::cuda {

constexpr int kPlainRows = 32, kPlainThreads = 256;
constexpr int kScoreLd = kPlainRows + 1;
template <int D>
constexpr int kPlainLd = D + 4;  // floats; 16 rows read at once fall into different banks
template <int D>
constexpr int kPlainSmem = 4 * (4 * kPlainRows * kPlainLd<D> + 2 * kPlainRows * kScoreLd) + kPlainRows* kPlainRows;

template <int D>
struct PlainTiles {
  float *q, *k, *v, *dout;  // [32][kPlainLd]
  float *p, *ds;            // [32][kScoreLd], rows are queries
  uint16_t* keep;           // [32][16], a byte a score
};
template <int D>
__device__ __forceinline__ PlainTiles<D> plain_tiles() {
  float* const smem = dynamic_smem<float>();
  constexpr int kTile = kPlainRows * kPlainLd<D>, kScores = kPlainRows * kScoreLd;
  float* const scores = smem + 4 * kTile;
  return {smem,
          smem + kTile,
          smem + 2 * kTile,
          smem + 3 * kTile,
          scores,
          scores + kScores,
          reinterpret_cast<uint16_t*>(scores + 2 * kScores)};
}

// Rows from `rows` on become zeros and are not read.
template <int D>
__device__ __forceinline__ void load_plain(float* to, const float* from, int64_t ld, int rows) {
#pragma unroll
  for (int i = 0; i < kPlainRows * D / 4 / kPlainThreads; ++i) {
    const int index = int(threadIdx.x) + i * kPlainThreads, row = index / (D / 4), column = index % (D / 4) * 4;
    float4 x{0, 0, 0, 0};
    if (row < rows) x = *reinterpret_cast<const float4*>(from + row * ld + column);
    *reinterpret_cast<float4*>(to + row * kPlainLd<D> + column) = x;
  }
}
// sum[i][j] += a row ty + 16i times b row tx + 16j.
template <int D>
__device__ __forceinline__ void multiply_plain(float (&sum)[2][2], const float* a, const float* b, int ty, int tx) {
#pragma unroll 4
  for (int c = 0; c < D; c += 4) {
    float4 x[2], y[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      x[i] = *reinterpret_cast<const float4*>(a + (ty + 16 * i) * kPlainLd<D> + c);
      y[i] = *reinterpret_cast<const float4*>(b + (tx + 16 * i) * kPlainLd<D> + c);
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
__device__ __forceinline__ void add_plain(float (&sum)[2][D / 16], const float* scores, const float* rows, int ty,
                                          int tx) {
#pragma unroll 4
  for (int step = 0; step < kPlainRows; ++step) {
    float x[2];
#pragma unroll
    for (int i = 0; i < 2; ++i)
      x[i] = kTransposed ? scores[step * kScoreLd + ty + 16 * i] : scores[(ty + 16 * i) * kScoreLd + step];
#pragma unroll
    for (int j = 0; j < D / 16; ++j) {
      const float y = rows[step * kPlainLd<D> + tx + 16 * j];
#pragma unroll
      for (int i = 0; i < 2; ++i) sum[i][j] = fmaf(x[i], y, sum[i][j]);
    }
  }
}
// Rows leave through a tile that is free, 16 bytes at a time.
template <int D>
__device__ __forceinline__ void store_plain(float* tile, const HeadMatrix& to, int64_t start, int column, int rows,
                                            const float (&sum)[2][D / 16], const float (&factor)[2], int ty, int tx) {
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 2; ++i) {
#pragma unroll
    for (int j = 0; j < D / 16; ++j) tile[(ty + 16 * i) * kPlainLd<D> + tx + 16 * j] = sum[i][j] * factor[i];
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < kPlainRows * D / 4 / kPlainThreads; ++i) {
    const int index = int(threadIdx.x) + i * kPlainThreads, row = index / (D / 4), c = index % (D / 4) * 4;
    if (row < rows)
      *reinterpret_cast<float4*>(head_rows<float>(to, start + row, column) + c) =
          *reinterpret_cast<const float4*>(tile + row * kPlainLd<D> + c);
  }
}
__device__ __forceinline__ float sum_of_row(float x) {
#pragma unroll
  for (int step = 1; step < 16; step *= 2) x += __shfl_xor_sync(kWholeWarp, x, step);
  return x;
}
__device__ __forceinline__ float most_of_row(float x) {
#pragma unroll
  for (int step = 1; step < 16; step *= 2) x = fmaxf(x, __shfl_xor_sync(kWholeWarp, x, step));
  return x;
}

// Which scores of 32 queries from `first` (of `queries` in the sequence) and 32 keys from `column` are kept. One draw
// fills 16 places; where queries are a subset of the rows, the half of it that is theirs.
__device__ __forceinline__ void fill_keep(uint16_t* keep, const AttentionArguments& a, int sequence, int head,
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
__device__ __forceinline__ bool keeps(const uint16_t* keep, int row, int column) {
  return (keep[row * 16 + column / 2] >> (column % 2 * 8) & 1) != 0;
}
__device__ __forceinline__ bool is_seen(const AttentionArguments& a, int64_t key_start, int key, int keys) {
  return key < keys && (!a.visible || a.visible[key_start + key]);
}

// Rows of a head of a sequence, and the block's place among them.
struct PlainBlock {
  int sequence, first, head, ty, tx;
  int64_t key_start, query_start;
  int keys, queries;
};
template <bool kOfKeys>
__device__ __forceinline__ PlainBlock plain_block(const AttentionArguments& a) {
  const SequenceTile tile = find_tile(kOfKeys ? a.cu_seqlens : a.cu_seqlens_q, a.sequences,
                                      kOfKeys ? a.tokens : a.queries, kPlainRows, int(blockIdx.x));
  PlainBlock b{tile.sequence, tile.first, int(blockIdx.y), int(threadIdx.x) / 16, int(threadIdx.x) % 16, 0, 0, 0, 0};
  if (b.sequence < 0) return b;
  const TileRange range = range_of<kOfKeys>(a, b.sequence);
  b.key_start = range.key_start, b.query_start = range.query_start, b.keys = range.keys, b.queries = range.queries;
  return b;
}
template <int D>
__device__ __forceinline__ void load_plain_rows(float* to, const HeadMatrix& m, const PlainBlock& b, int64_t start,
                                                int first, int count) {
  load_plain<D>(to, head_rows<const float>(m, start + first, b.head * D), m.ld, count - first);
}

template <int D>
__global__ void __launch_bounds__(kPlainThreads) attention_forward_f32_kernel(const AttentionArguments a) {
  const PlainBlock b = plain_block<false>(a);
  if (b.sequence < 0) return;
  const PlainTiles<D> s = plain_tiles<D>();
  load_plain_rows<D>(s.q, a.q, b, b.query_start, b.first, b.queries);
  float out[2][D / 16] = {}, most[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};
  for (int key = 0; key < b.keys; key += kPlainRows) {
    load_plain_rows<D>(s.k, a.k, b, b.key_start, key, b.keys);
    load_plain_rows<D>(s.v, a.v, b, b.key_start, key, b.keys);
    if (a.threshold) fill_keep(s.keep, a, b.sequence, b.head, b.query_start, b.first, b.queries, key);
    __syncthreads();
    float score[2][2] = {};
    multiply_plain<D>(score, s.q, s.k, b.ty, b.tx);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
      for (int j = 0; j < 2; ++j)
        score[i][j] = is_seen(a, b.key_start, key + b.tx + 16 * j, b.keys) ? score[i][j] * a.scale : -INFINITY;
      const float before = most[i];
      most[i] = most_of_row(fmaxf(before, fmaxf(score[i][0], score[i][1])));
      const float offset = most[i] == -INFINITY ? 0.f : most[i], shrink = expf(before - offset);
      sum[i] *= shrink;
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const float p = expf(score[i][j] - offset);
        sum[i] += p;
        const int row = b.ty + 16 * i, column = b.tx + 16 * j;
        s.p[row * kScoreLd + column] = !a.threshold || keeps(s.keep, row, column) ? p : 0.f;
      }
#pragma unroll
      for (int j = 0; j < D / 16; ++j) out[i][j] *= shrink;
    }
    __syncthreads();
    add_plain<D, false>(out, s.p, s.v, b.ty, b.tx);
    __syncthreads();
  }
  float factor[2];
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const float total = sum_of_row(sum[i]);
    factor[i] = total > 0 ? a.keep_scale / total : total;
    const int row = b.first + b.ty + 16 * i;
    if (b.tx == 0 && row < b.queries) a.lse[b.head * a.lse_ld + b.query_start + row] = most[i] + logf(total);
  }
  store_plain<D>(s.q, a.out, b.query_start + b.first, b.head * D, b.queries - b.first, out, factor, b.ty, b.tx);
}

// P (kept) and dS of 32 queries from `query` and 32 keys from `key`, into shared memory.
template <int D>
__device__ __forceinline__ void differentiate_plain(const AttentionArguments& a, const PlainBlock& b,
                                                    const PlainTiles<D>& s, int query, int key) {
  float score[2][2] = {}, dp[2][2] = {};
  multiply_plain<D>(score, s.q, s.k, b.ty, b.tx);
  multiply_plain<D>(dp, s.dout, s.v, b.ty, b.tx);
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int row = b.ty + 16 * i;
    const bool inside = query + row < b.queries;
    const int64_t at = b.query_start + query + row;
    const float lse = inside ? a.lse[b.head * a.lse_ld + at] : -INFINITY;
    const float delta = inside ? a.delta[b.head * a.queries + at] : 0.f;
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const int column = b.tx + 16 * j;
      const bool seen = lse != -INFINITY && is_seen(a, b.key_start, key + column, b.keys);
      const bool kept = !a.threshold || keeps(s.keep, row, column);
      const float p = seen ? expf(score[i][j] * a.scale - lse) : 0.f;
      s.p[row * kScoreLd + column] = kept ? p : 0.f;
      s.ds[row * kScoreLd + column] = p * ((kept ? dp[i][j] * a.keep_scale : 0.f) - delta);
    }
  }
}

template <int D>
__global__ void __launch_bounds__(kPlainThreads, 2) attention_backward_queries_f32_kernel(const AttentionArguments a) {
  const PlainBlock b = plain_block<false>(a);
  if (b.sequence < 0) return;
  const PlainTiles<D> s = plain_tiles<D>();
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int row = b.first + b.ty + 16 * i;
    float sum = 0;
    if (row < b.queries) {
      const float* out = head_rows<const float>(a.out, b.query_start + row, b.head * D);
      const float* dout = head_rows<const float>(a.dout, b.query_start + row, b.head * D);
#pragma unroll
      for (int c = 4 * b.tx; c < D; c += 64) {
        const float4 x = *reinterpret_cast<const float4*>(out + c), y = *reinterpret_cast<const float4*>(dout + c);
        sum = fmaf(x.w, y.w, fmaf(x.z, y.z, fmaf(x.y, y.y, fmaf(x.x, y.x, sum))));
      }
    }
    sum = sum_of_row(sum);
    if (b.tx == 0 && row < b.queries) a.delta[b.head * a.queries + b.query_start + row] = sum;
  }
  load_plain_rows<D>(s.q, a.q, b, b.query_start, b.first, b.queries);
  load_plain_rows<D>(s.dout, a.dout, b, b.query_start, b.first, b.queries);
  float dq[2][D / 16] = {};
  for (int key = 0; key < b.keys; key += kPlainRows) {
    load_plain_rows<D>(s.k, a.k, b, b.key_start, key, b.keys);
    load_plain_rows<D>(s.v, a.v, b, b.key_start, key, b.keys);
    if (a.threshold) fill_keep(s.keep, a, b.sequence, b.head, b.query_start, b.first, b.queries, key);
    __syncthreads();
    differentiate_plain<D>(a, b, s, b.first, key);
    __syncthreads();
    add_plain<D, false>(dq, s.ds, s.k, b.ty, b.tx);
    __syncthreads();
  }
  store_plain<D>(s.q, a.dq, b.query_start + b.first, b.head * D, b.queries - b.first, dq, {a.scale, a.scale}, b.ty,
                 b.tx);
}

// dq_sum += dS K for 32 queries from `query` on.
template <int D>
__device__ __forceinline__ void scatter_plain(const AttentionArguments& a, const PlainBlock& b, const PlainTiles<D>& s,
                                              int query) {
  float dq[2][D / 16] = {};
  add_plain<D, false>(dq, s.ds, s.k, b.ty, b.tx);
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int row = query + b.ty + 16 * i;
    if (row >= b.queries) continue;
    float* const to = a.dq_sum + ((b.query_start + row) * a.heads + b.head) * D + b.tx;
#pragma unroll
    for (int j = 0; j < D / 16; ++j) atomicAdd(to + 16 * j, dq[i][j]);
  }
}

template <int D, bool kAtomic>
__global__ void __launch_bounds__(kPlainThreads, 1) attention_backward_keys_f32_kernel(const AttentionArguments a) {
  const PlainBlock b = plain_block<true>(a);
  if (b.sequence < 0) return;
  const PlainTiles<D> s = plain_tiles<D>();
  load_plain_rows<D>(s.k, a.k, b, b.key_start, b.first, b.keys);
  load_plain_rows<D>(s.v, a.v, b, b.key_start, b.first, b.keys);
  float dk[2][D / 16] = {}, dv[2][D / 16] = {};
  for (int query = 0; query < b.queries; query += kPlainRows) {
    load_plain_rows<D>(s.q, a.q, b, b.query_start, query, b.queries);
    load_plain_rows<D>(s.dout, a.dout, b, b.query_start, query, b.queries);
    if (a.threshold) fill_keep(s.keep, a, b.sequence, b.head, b.query_start, query, b.queries, b.first);
    __syncthreads();
    differentiate_plain<D>(a, b, s, query, b.first);
    __syncthreads();
    add_plain<D, true>(dv, s.p, s.dout, b.ty, b.tx);
    add_plain<D, true>(dk, s.ds, s.q, b.ty, b.tx);
    if constexpr (kAtomic) scatter_plain<D>(a, b, s, query);
    __syncthreads();
  }
  store_plain<D>(s.q, a.dk, b.key_start + b.first, b.head * D, b.keys - b.first, dk, {a.scale, a.scale}, b.ty, b.tx);
  store_plain<D>(s.q, a.dv, b.key_start + b.first, b.head * D, b.keys - b.first, dv, {a.keep_scale, a.keep_scale}, b.ty,
                 b.tx);
}

}  // namespace encore::cuda
