// C[M,N] = A[M,K] B[N,K]^T with cp.async, ldmatrix and mma.sync (sm_80): 64x64 tiles, K in steps of 64, two stages.
// 128 threads, each warp 16 rows. Tiles are 64 rows of 128 bytes, 16-byte chunks permuted by chunk ^= row % 8.
#include <device_port.h>
#include <kernels.h>

#include <device/cp_async.cuh>
#include <device/ldmatrix.cuh>
#include <device/mma.cuh>

namespace simt_test {
namespace {

constexpr int kTileBytes = 64 * 128;

__device__ __forceinline__ uint32_t swizzled(int row, int chunk) {
  return uint32_t(row * 128 + ((chunk ^ (row & 7)) << 4));
}

__device__ __forceinline__ void load_tile(uint32_t to, const __nv_bfloat16* from, int row0, int rows, int k0, int k) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int index = int(threadIdx.x) + i * 128, row = index / 8, chunk = index % 8;
    const bool inside = row0 + row < rows && k0 + chunk * 8 < k;
    ptx::cp_async_16(to + swizzled(row, chunk), inside ? from + size_t(row0 + row) * k + k0 + chunk * 8 : from,
                     inside ? 16 : 0);
  }
}

__global__ void __launch_bounds__(128)
    matmul_mma_kernel(const __nv_bfloat16* __restrict__ a, const __nv_bfloat16* __restrict__ b, float* __restrict__ c,
                      int m, int n, int k) {
  const uint32_t smem = ptx::shared_address(dynamic_smem<unsigned char>());
  const int m0 = int(blockIdx.x) * 64, n0 = int(blockIdx.y) * 64;
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int steps = (k + 63) / 64;
  float acc[8][4] = {};
  load_tile(smem, a, m0, m, 0, k);
  load_tile(smem + kTileBytes, b, n0, n, 0, k);
  ptx::cp_async_commit();
  for (int step = 0; step < steps; ++step) {
    const uint32_t stage = smem + uint32_t(step & 1) * 2 * kTileBytes;
    const uint32_t next = smem + uint32_t(~step & 1) * 2 * kTileBytes;
    if (step + 1 < steps) {
      load_tile(next, a, m0, m, (step + 1) * 64, k);
      load_tile(next + kTileBytes, b, n0, n, (step + 1) * 64, k);
    }
    ptx::cp_async_commit();
    ptx::cp_async_wait<1>();
    __syncthreads();
#pragma unroll
    for (int kk = 0; kk < 4; ++kk) {
      uint32_t af[4], bf[4];
      ptx::ldmatrix_x4(af, stage + swizzled(warp * 16 + (lane & 15), kk * 2 + (lane >> 4)));
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const int row = j * 16 + (lane & 7) + ((lane >> 4) << 3), chunk = kk * 2 + ((lane >> 3) & 1);
        ptx::ldmatrix_x4(bf, stage + kTileBytes + swizzled(row, chunk));
        ptx::mma_m16n8k16_bf16(acc[2 * j], af, bf[0], bf[1]);
        ptx::mma_m16n8k16_bf16(acc[2 * j + 1], af, bf[2], bf[3]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int j = 0; j < 8; ++j) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int row = m0 + warp * 16 + lane / 4 + 8 * (e / 2), column = n0 + j * 8 + 2 * (lane % 4) + e % 2;
      if (row < m && column < n) c[size_t(row) * n + column] = acc[j][e];
    }
  }
}

}  // namespace

cudaError_t matmul_mma(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int m, int n, int k,
                       cudaStream_t stream) {
  const dim3 grid(unsigned(m + 63) / 64, unsigned(n + 63) / 64);
  return launch(stream, {grid, dim3(128), 4 * kTileBytes}, matmul_mma_kernel, a, b, c, m, n, k);
}

}  // namespace simt_test
