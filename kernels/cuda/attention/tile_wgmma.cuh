// Shared by the attention kernels for Hopper (wgmma, sm_90a; head size 64): products of 64 x 64 tiles, and the ring of
// stages that their tiles arrive in. The accumulators lie in the lanes as those of mma.m16n8k16 do, so softmax.cuh and
// dropout.cuh serve both.
//
// Warps: two or three warpgroups, each with 64 rows of one head. All of them compute (consumers); the first two also
//   copy (producers).
// Shared memory: the block's own tiles, then a ring of three stages of two tiles each.
// Pipeline: an iteration uses two stages, its own tile's for the scores and the tile's before for the product that
//   follows them, while cp.async fills the third (one group of copies a stage). wait_stage is both barriers of the
//   ring: behind it this iteration's stage is full, and the one that was last used in the iteration before is empty.
// Invariants: between a wgmma and its wait nothing touches its accumulators, its registers of A or its tiles.
// Numbers: docs/performance.md, "On a GPU"; bench/results/2026-11-27_gpu_check_h100.md.
#pragma once

#include <device/wgmma.cuh>

#include "kernels/cuda/attention/tile.cuh"

namespace encore::cuda {

constexpr int kWarpgroupRows = 64, kWarpgroupThreads = 128, kProducerThreads = 256, kStages = 3;
constexpr int kStageBytes = 2 * kTileBytes<64>;
static_assert(kWarpgroupRows == kTileRows);
static_assert(kTileBytes<64> % 1024 == 0, "the 128-byte swizzle has a period of 1024 bytes");
constexpr int kSharedMemoryOfBlock = 227 * 1024;  // sm_90
// Shared memory of a backward pass: the block's rows of two matrices, and the stages.
template <int kWarpgroups>
constexpr int kBackwardWgmmaSmem = 2 * kWarpgroups* kTileBytes<64> + kStages* kStageBytes;

using Accumulators = float[8][4];  // a lane's part of 64 x 64
using OperandA = uint32_t[4][4];   // a lane's part of a 64 x 64 operand A in bf16

__device__ __forceinline__ float (&registers(Accumulators& x))[32] {
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

// Descriptors of a tile of 64 rows as operand B: K-major, where its columns are summed over, and MN-major, where its
// rows are. The next 16 of k are a constant further in the descriptor.
__device__ __forceinline__ uint64_t descriptor_k_major(uint32_t tile) {
  return ptx::wgmma_descriptor_swizzle128(tile, 16, 1024);
}
__device__ __forceinline__ uint64_t descriptor_mn_major(uint32_t tile) {
  return ptx::wgmma_descriptor_swizzle128(tile, kTileBytes<64>, 1024);
}
constexpr uint64_t kNextK = 16 * 2 / 16, kNextKOfMnMajor = 16 * 128 / 16;

// d = a b^T, b a tile in shared memory.
__device__ __forceinline__ void multiply_transposed(Accumulators& d, const OperandA& a, uint32_t b) {
  const uint64_t of_b = descriptor_k_major(b);
#pragma unroll
  for (int kk = 0; kk < 4; ++kk) ptx::wgmma_m64k16_rs<64, 0>(registers(d), a[kk], of_b + uint64_t(kk) * kNextK, kk > 0);
}
// The same, a in shared memory. An operand that a loop keeps (Q of the forward pass) is read from there: ptxas 13.0 has
// given its registers to another operand of the loop (scripts/wgmma_operands.py looks for that).
__device__ __forceinline__ void multiply_transposed(Accumulators& d, uint32_t a, uint32_t b) {
  const uint64_t of_a = descriptor_k_major(a), of_b = descriptor_k_major(b);
#pragma unroll
  for (int kk = 0; kk < 4; ++kk)
    ptx::wgmma_m64k16_ss<64, 0>(registers(d), of_a + uint64_t(kk) * kNextK, of_b + uint64_t(kk) * kNextK, kk > 0);
}
// d += a b.
__device__ __forceinline__ void add_product(Accumulators& d, const OperandA& a, uint32_t b) {
  const uint64_t of_b = descriptor_mn_major(b);
#pragma unroll
  for (int kk = 0; kk < 4; ++kk)
    ptx::wgmma_m64k16_rs<64, 1>(registers(d), a[kk], of_b + uint64_t(kk) * kNextKOfMnMajor, true);
}

// Accumulators, rounded, as operand A of the next product.
__device__ __forceinline__ void round_to_operand(OperandA& a, const Accumulators& x) {
#pragma unroll
  for (int kk = 0; kk < 4; ++kk) {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      a[kk][i] = ptx::pack_bf16x2(x[2 * kk + i / 2][i % 2 * 2], x[2 * kk + i / 2][i % 2 * 2 + 1]);
  }
}
// A warp's 16 rows of a tile, from `row` on.
__device__ __forceinline__ void load_operand(OperandA& a, uint32_t tile, int row, int lane) {
#pragma unroll
  for (int kk = 0; kk < 4; ++kk) load_a<128>(a[kk], tile, row, kk * 2, lane);
}

// A block for every kWarpgroups * 64 rows of each sequence and head.
template <int kWarpgroups>
LaunchShape wgmma_shape(const AttentionArguments& a, int64_t rows, int smem) {
  return {.grid = dim3(tile_bound(rows, a.sequences, kWarpgroups * kWarpgroupRows), unsigned(a.heads)),
          .block = dim3(unsigned(kWarpgroups * kWarpgroupThreads)),
          .smem = size_t(smem)};
}

// The warpgroup's tile of the block's (bytes from the first), and whether any of its rows is below `rows`.
__device__ __forceinline__ uint32_t warpgroup_tile() {
  return uint32_t(int(threadIdx.x) / kWarpgroupThreads * kTileBytes<64>);
}
__device__ __forceinline__ bool warpgroup_has_rows(int rows) {
  return int(threadIdx.x) / kWarpgroupThreads * kWarpgroupRows < rows;
}
template <int kWarpgroups>
__device__ __forceinline__ bool is_producer() {
  return kWarpgroups * kWarpgroupThreads == kProducerThreads || threadIdx.x < kProducerThreads;
}
// Starts copying the block's rows; those from `rows` on become zeros.
template <int kWarpgroups>
__device__ __forceinline__ void load_block(uint32_t to, const __nv_bfloat16* from, int64_t ld, int rows) {
  if (!is_producer<kWarpgroups>()) return;
#pragma unroll
  for (int i = 0; i < kWarpgroups; ++i)
    load_tile<64, kProducerThreads>(to + uint32_t(i * kTileBytes<64>),
                                    from + (rows > i * kWarpgroupRows ? i * kWarpgroupRows * ld : 0), ld,
                                    rows - i * kWarpgroupRows);
}
// Fills stage after stage with tiles of two matrices' rows, one group of copies each. A thread copies one chunk of rows
// row() and row() + 32, at addresses that advance with the tiles.
template <int kWarpgroups>
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

  // valid: any readable device address, for copies of no bytes (rows past the end become zeros).
  __device__ __forceinline__ void load(int stage, const void* valid) {
    if (left_ + row() > 0 && is_producer<kWarpgroups>()) {
      const uint32_t to = to_ + uint32_t(stage * kStageBytes);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const bool inside = left_ > 32 * half;
        ptx::cp_async_16(to + half * 4096, inside ? x_ + half * half_x_ : valid, inside ? 16 : 0);
        ptx::cp_async_16(to + half * 4096 + kTileBytes<64>, inside ? y_ + half * half_y_ : valid, inside ? 16 : 0);
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
// Waits until all but kInFlight of the stages that were asked for are full, for every thread and for wgmma.
template <int kInFlight>
__device__ __forceinline__ void wait_stage() {
  ptx::cp_async_wait<kInFlight>();
  ptx::fence_proxy_async();
  __syncthreads();
}
__device__ __forceinline__ int next_stage(int stage) {
  return stage == kStages - 1 ? 0 : stage + 1;
}

// Writes the block's first `rows` rows out of its tiles (store_accumulators, and a barrier behind it).
template <int kWarpgroups>
__device__ __forceinline__ void store_block(const unsigned char* tiles, __nv_bfloat16* to, int64_t ld, int rows) {
  if (!is_producer<kWarpgroups>()) return;
#pragma unroll
  for (int i = 0; i < kWarpgroups; ++i)
    if (rows > i * kWarpgroupRows)
      store_tile<64, kProducerThreads>(tiles + i * kTileBytes<64>, to + i * kWarpgroupRows * ld, ld,
                                       rows - i * kWarpgroupRows);
}

}  // namespace encore::cuda
