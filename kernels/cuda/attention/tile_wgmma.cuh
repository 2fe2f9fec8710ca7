// What the attention kernels for Hopper (sm_90a) share: head size 64, products of 64 x 64 tiles by wgmma with A in
// registers, whose accumulators lie in the lanes as those of mma.m16n8k16 do (attention_tile.cuh serves both).
//
// A block of two or three warpgroups has 64 rows of one head for each, and meets tiles of 64 rows that arrive in a ring
// of three stages. What one product yields becomes the A operand of the next without leaving the registers.
#pragma once

#include <device/wgmma.cuh>

#include "kernels/cuda/attention/tile.cuh"

namespace encore::cuda {

// A block has one warpgroup for each 64 rows; two of them load the stages.
constexpr int kGroupRows = 64, kGroupThreads = 128, kLoadThreads = 256, kStages = 3;
constexpr int kStageBytes = 2 * kTileBytes<64>;

using Tile = float[8][4];        // a lane's part of 64 x 64 accumulators
using Operand = uint32_t[4][4];  // a lane's part of a 64 x 64 operand A in bf16

__device__ __forceinline__ float (&registers(Tile& x))[32] {
  return reinterpret_cast<float(&)[32]>(x);
}

// Before products with these accumulators and operands, and after them.
template <class... T>
__device__ __forceinline__ void begin_products(T&... registers) {
  (ptx::wgmma_pin(registers), ...);
  ptx::wgmma_fence();
}
template <int kInFlight, class... T>
__device__ __forceinline__ void wait_products(T&... registers) {
  ptx::wgmma_wait<kInFlight>();
  (ptx::wgmma_pin(registers), ...);
}

// Descriptors of a tile of 64 rows whose columns, or whose rows, are summed over. A further 16 of them are a constant
// away, which is added to the descriptor.
__device__ __forceinline__ uint64_t over_columns(uint32_t tile) {
  return ptx::wgmma_descriptor_swizzle128(tile, 16, 1024);
}
__device__ __forceinline__ uint64_t over_rows(uint32_t tile) {
  return ptx::wgmma_descriptor_swizzle128(tile, kTileBytes<64>, 1024);
}
constexpr uint64_t kNextColumns = 16 * 2 / 16, kNextRows = 16 * 128 / 16;

// d = a b^T, b a tile in shared memory.
__device__ __forceinline__ void multiply_transposed(Tile& d, const Operand& a, uint32_t b) {
  const uint64_t of_b = over_columns(b);
#pragma unroll
  for (int kk = 0; kk < 4; ++kk)
    ptx::wgmma_m64k16_rs<64, 0>(registers(d), a[kk], of_b + uint64_t(kk) * kNextColumns, kk > 0);
}
// The same, a in shared memory. What stays there and meets tile after tile comes from there: ptxas 13.0 has given the
// registers of an operand that a loop keeps to another operand of the loop.
__device__ __forceinline__ void multiply_tiles(Tile& d, uint32_t a, uint32_t b) {
  const uint64_t of_a = over_columns(a), of_b = over_columns(b);
#pragma unroll
  for (int kk = 0; kk < 4; ++kk)
    ptx::wgmma_m64k16_ss<64, 0>(registers(d), of_a + uint64_t(kk) * kNextColumns, of_b + uint64_t(kk) * kNextColumns,
                                kk > 0);
}
// d += a b.
__device__ __forceinline__ void add_product(Tile& d, const Operand& a, uint32_t b) {
  const uint64_t of_b = over_rows(b);
#pragma unroll
  for (int kk = 0; kk < 4; ++kk)
    ptx::wgmma_m64k16_rs<64, 1>(registers(d), a[kk], of_b + uint64_t(kk) * kNextRows, true);
}

// Accumulators, rounded, as operand A of the next product.
__device__ __forceinline__ void round_to_operand(Operand& a, const Tile& x) {
#pragma unroll
  for (int kk = 0; kk < 4; ++kk) {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      a[kk][i] = ptx::pack_bf16x2(x[2 * kk + i / 2][i % 2 * 2], x[2 * kk + i / 2][i % 2 * 2 + 1]);
  }
}
// The 16 rows from `row` on of a tile.
__device__ __forceinline__ void load_operand(Operand& a, uint32_t tile, int row, int lane) {
#pragma unroll
  for (int kk = 0; kk < 4; ++kk) load_a<128>(a[kk], tile, row, kk * 2, lane);
}

// The warpgroup's 64 of the block's rows, and whether it has any of `rows`.
__device__ __forceinline__ uint32_t group_tile() {
  return uint32_t(int(threadIdx.x) / kGroupThreads * kTileBytes<64>);
}
__device__ __forceinline__ bool group_has_rows(int rows) {
  return int(threadIdx.x) / kGroupThreads * kGroupRows < rows;
}
template <int kGroups>
__device__ __forceinline__ bool loads() {
  return kGroups * kGroupThreads == kLoadThreads || threadIdx.x < kLoadThreads;
}
// Starts copying the block's rows; those from `rows` on become zeros.
template <int kGroups>
__device__ __forceinline__ void load_block(uint32_t to, const __nv_bfloat16* from, int64_t ld, int rows) {
  if (!loads<kGroups>()) return;
#pragma unroll
  for (int i = 0; i < kGroups; ++i)
    load_tile<64, kLoadThreads>(to + uint32_t(i * kTileBytes<64>),
                                from + (rows > i * kGroupRows ? i * kGroupRows * ld : 0), ld, rows - i * kGroupRows);
}
// Loads tile after tile of two matrices' rows, one stage and one group of copies each. A thread copies one chunk of the
// rows row and row + 32, at addresses that move on with the tiles.
template <int kGroups>
class StageLoader {
 public:
  __device__ __forceinline__ StageLoader(uint32_t stages, const HeadMatrix& x, const HeadMatrix& y, int64_t start,
                                         int head, int rows)
      : x_(head_rows<const __nv_bfloat16>(x, start + row(), head * 64 + chunk())),
        y_(head_rows<const __nv_bfloat16>(y, start + row(), head * 64 + chunk())),
        half_x_(int(32 * x.ld)),
        half_y_(int(32 * y.ld)),
        to_(stages + swizzled<128>(row(), chunk() / 8)),
        left_(rows - row()) {}

  // anywhere: of device memory, for rows that are not there.
  __device__ __forceinline__ void load(int stage, const void* anywhere) {
    if (left_ + row() > 0 && loads<kGroups>()) {
      const uint32_t to = to_ + uint32_t(stage * kStageBytes);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const bool inside = left_ > 32 * half;
        ptx::cp_async_16(to + half * 4096, inside ? x_ + half * half_x_ : anywhere, inside ? 16 : 0);
        ptx::cp_async_16(to + half * 4096 + kTileBytes<64>, inside ? y_ + half * half_y_ : anywhere, inside ? 16 : 0);
      }
      x_ += 2 * half_x_, y_ += 2 * half_y_, left_ -= kTileRows;
    }
    ptx::cp_async_commit();
  }

 private:
  static __device__ __forceinline__ int row() {
    return int(threadIdx.x) / 8;
  }
  static __device__ __forceinline__ int chunk() {
    return int(threadIdx.x) % 8 * 8;
  }

  const __nv_bfloat16 *x_, *y_;
  int half_x_, half_y_;
  uint32_t to_;
  int left_;  // rows from the thread's first on
};
// Until all but kInFlight of this thread's groups of copies are there for everyone, wgmma included.
template <int kInFlight>
__device__ __forceinline__ void arrive_stage() {
  ptx::cp_async_wait<kInFlight>();
  ptx::fence_proxy_async();
  __syncthreads();
}
__device__ __forceinline__ int next_stage(int stage) {
  return stage == kStages - 1 ? 0 : stage + 1;
}

// A block's rows on their way out: accumulators into the tiles, then, behind a barrier, 16 bytes at a time from there.
// row: of the lane, within the block.
__device__ __forceinline__ void put_rows(unsigned char* tiles, const Tile& x, int row, int t,
                                         const float (&factor)[2]) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
#pragma unroll
    for (int n = 0; n < 8; ++n)
      put_pair<128>(tiles, row + 8 * h, n, t, x[n][2 * h] * factor[h], x[n][2 * h + 1] * factor[h]);
  }
}
template <int kGroups>
__device__ __forceinline__ void store_block(const unsigned char* tiles, __nv_bfloat16* to, int64_t ld, int rows) {
  if (!loads<kGroups>()) return;
#pragma unroll
  for (int i = 0; i < kGroups; ++i)
    if (rows > i * kGroupRows)
      store_tile<64, kLoadThreads>(tiles + i * kTileBytes<64>, to + i * kGroupRows * ld, ld, rows - i * kGroupRows);
}

}  // namespace encore::cuda
