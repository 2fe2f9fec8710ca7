// C[M,N] = A[M,K] B^T with TMA, mbarriers and wgmma (sm_90a): one producer thread, a consumer warpgroup, a ring of two
// stages. B is [N,K], or [K,N] with kTransposeB; A comes from shared memory or through registers; with kScale the
// consumers double A in shared memory first, which needs the proxy fence and a named barrier. K is a multiple of 64.
// kFault leaves out one step; kNone is the right kernel.
#include <device_port.h>
#include <kernels.h>

#include <device/ldmatrix.cuh>
#include <device/mma.cuh>
#include <device/named_barrier.cuh>
#include <device/tma.cuh>
#include <device/wgmma.cuh>

namespace simt_test {
namespace {

constexpr int kStages = 2, kTileBytes = 64 * 128;

// N columns of B are N / 64 tiles of 64 rows (of n, or of k when transposed).
template <int N>
struct Shared {
  unsigned char a[kStages][kTileBytes];
  unsigned char b[kStages][N / 64][kTileBytes];
  uint64_t full[kStages], empty[kStages];
};

template <int N, int kTransposeB, WgmmaFault kFault>
__device__ __forceinline__ void produce(Shared<N>& s, const ptx::TensorMap* ta, const ptx::TensorMap* tb, int m0,
                                        int n0, int steps) {
  for (int step = 0; step < steps; ++step) {
    const int stage = step % kStages;
    if (kFault != kIgnoreEmpty) ptx::mbarrier_wait_parity(&s.empty[stage], uint32_t(step / kStages & 1) ^ 1);
    ptx::mbarrier_arrive_expect_tx(&s.full[stage], kFault == kHalfTheBytes ? kTileBytes : kTileBytes * (1 + N / 64));
    ptx::tma_load_2d(s.a[stage], ta, step * 64, m0, &s.full[stage]);  // [tma-a]
    for (int j = 0; j < N / 64; ++j) {
      if (kTransposeB) {
        ptx::tma_load_2d(s.b[stage][j], tb, n0 + 64 * j, step * 64, &s.full[stage]);
      } else {
        ptx::tma_load_2d(s.b[stage][j], tb, step * 64, n0 + 64 * j, &s.full[stage]);
      }
    }
  }
}

template <WgmmaFault kFault>
__device__ __forceinline__ void double_tile(unsigned char* tile) {
  auto* words = reinterpret_cast<uint32_t*>(tile);
  for (int i = int(threadIdx.x) % 128; i < kTileBytes / 4; i += 128) {
    const uint32_t w = words[i];
    words[i] = ptx::pack_bf16x2(2 * __uint_as_float(w << 16), 2 * __uint_as_float(w & 0xffff0000u));  // [double]
  }
  if (kFault != kNoProxyFence) ptx::fence_proxy_async();
  if (kFault != kNoNamedBarrier) ptx::named_barrier_sync(1, 128);
}

template <int N, int kTransposeB, bool kARegisters, WgmmaFault kFault>
__device__ __forceinline__ void multiply(float (&acc)[N / 2], uint32_t a, uint32_t b) {
  const int warp = int(threadIdx.x) / 32 % 4, lane = int(threadIdx.x) % 32;
  uint32_t af[4][4];
  if constexpr (kARegisters) {
#pragma unroll
    for (int kk = 0; kk < 4; ++kk) {
      const int row = warp * 16 + (lane & 15), chunk = kk * 2 + (lane >> 4);
      ptx::ldmatrix_x4(af[kk], a + uint32_t(row * 128 + ((chunk ^ (row & 7)) << 4)));
    }
  }
  if (kFault != kNoWgmmaFence) ptx::wgmma_fence();
#pragma unroll
  for (int kk = 0; kk < 4; ++kk) {
    const uint64_t db = kTransposeB ? ptx::wgmma_descriptor_swizzle128(b + kk * 2048, kTileBytes, 1024)
                                    : ptx::wgmma_descriptor_swizzle128(b + kk * 32, 16, 1024);
    if constexpr (kARegisters) {
      ptx::wgmma_m64k16_rs<N, kTransposeB>(acc, af[kk], db, true);
    } else {
      const uint64_t da = ptx::wgmma_descriptor_swizzle128(a + kk * 32, 16, 1024);
      ptx::wgmma_m64k16_ss<N, kTransposeB>(acc, da, db, true);  // [wgmma]
    }
  }
  ptx::wgmma_commit();
}

template <int N, int kTransposeB, bool kARegisters, bool kScale, WgmmaFault kFault>
__global__ void __launch_bounds__(256, 1)
    matmul_wgmma_kernel(const __grid_constant__ ptx::TensorMap ta, const __grid_constant__ ptx::TensorMap tb,
                        float* __restrict__ c, int m, int n, int k) {
  auto& s = *dynamic_smem_swizzled<Shared<N>>();
  const int m0 = int(blockIdx.x) * 64, n0 = int(blockIdx.y) * N, steps = k / 64;
  const int warp = int(threadIdx.x) / 32 % 4, lane = int(threadIdx.x) % 32;
  if (threadIdx.x == 0) {
    for (int i = 0; i < kStages; ++i) {
      ptx::mbarrier_init(&s.full[i], 1);  // [init]
      ptx::mbarrier_init(&s.empty[i], 4);
    }
    ptx::fence_mbarrier_init();
  }
  if (kFault != kNoBarrierAfterInit) __syncthreads();
  if (threadIdx.x < 128) {
    ptx::setmaxnreg_decrease<40>();
    if (threadIdx.x == 0) produce<N, kTransposeB, kFault>(s, &ta, &tb, m0, n0, steps);
    return;
  }
  ptx::setmaxnreg_increase<232>();
  float acc[N / 2];
#pragma unroll
  for (int i = 0; i < N / 2; ++i) acc[i] = 0.0f;
  for (int step = 0; step < steps; ++step) {
    const int stage = step % kStages;
    if (kFault != kIgnoreFull) ptx::mbarrier_wait_parity(&s.full[stage], uint32_t(step / kStages & 1));  // [full]
    if (kScale) double_tile<kFault>(s.a[stage]);
    multiply<N, kTransposeB, kARegisters, kFault>(acc, ptx::shared_address(s.a[stage]),
                                                  ptx::shared_address(s.b[stage]));
    if (kFault != kFreeBeforeWait) ptx::wgmma_wait<0>();
    if (kFault != kNoSyncwarp) __syncwarp();
    if (lane == 0) ptx::mbarrier_arrive(&s.empty[stage]);
  }
  if (kFault == kFreeBeforeWait) ptx::wgmma_wait<0>();
#pragma unroll
  for (int i = 0; i < N / 2; ++i) {
    const int row = m0 + warp * 16 + lane / 4 + 8 * (i / 2 % 2), column = n0 + 8 * (i / 4) + 2 * (lane % 4) + i % 2;
    if (row < m && column < n) c[size_t(row) * n + column] = acc[i];
  }
}

template <int N, int kTransposeB, bool kARegisters, bool kScale, WgmmaFault kFault = kNone>
cudaError_t run(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int m, int n, int k, cudaStream_t stream) {
  ptx::TensorMap ta, tb;
  const auto columns = uint64_t(kTransposeB ? n : k), rows = uint64_t(kTransposeB ? k : n);
  if (!ptx::make_tensor_map_bf16(&ta, a, uint64_t(k), uint64_t(m), uint64_t(k) * 2, 64, 64) ||
      !ptx::make_tensor_map_bf16(&tb, b, columns, rows, columns * 2, 64, 64)) {
    return cudaErrorInvalidValue;
  }
  const dim3 grid(unsigned(m + 63) / 64, unsigned(n + N - 1) / N);
  return launch(stream, {grid, dim3(256), sizeof(Shared<N>)},
                matmul_wgmma_kernel<N, kTransposeB, kARegisters, kScale, kFault>, ta, tb, c, m, n, k);
}

}  // namespace

cudaError_t matmul_wgmma(WgmmaForm form, const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int m, int n, int k,
                         cudaStream_t stream) {
  switch (form) {
    case WgmmaForm::kShared: return run<64, 0, false, false>(a, b, c, m, n, k, stream);
    case WgmmaForm::kRegisters: return run<64, 0, true, false>(a, b, c, m, n, k, stream);
    case WgmmaForm::kTransposed: return run<64, 1, false, false>(a, b, c, m, n, k, stream);
    case WgmmaForm::kRegistersTransposed: return run<128, 1, true, false>(a, b, c, m, n, k, stream);
    case WgmmaForm::kScaled: return run<64, 0, false, true>(a, b, c, m, n, k, stream);
    case WgmmaForm::kWide: return run<256, 0, false, false>(a, b, c, m, n, k, stream);
  }
  return cudaErrorInvalidValue;
}

cudaError_t matmul_wgmma_fault(WgmmaFault fault, const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int m, int n,
                               int k, cudaStream_t stream) {
  switch (fault) {
    case kNone: return run<64, 0, false, true>(a, b, c, m, n, k, stream);
    case kNoBarrierAfterInit: return run<64, 0, false, true, kNoBarrierAfterInit>(a, b, c, m, n, k, stream);
    case kIgnoreEmpty: return run<64, 0, false, true, kIgnoreEmpty>(a, b, c, m, n, k, stream);
    case kIgnoreFull: return run<64, 0, false, true, kIgnoreFull>(a, b, c, m, n, k, stream);
    case kHalfTheBytes: return run<64, 0, false, true, kHalfTheBytes>(a, b, c, m, n, k, stream);
    case kNoProxyFence: return run<64, 0, false, true, kNoProxyFence>(a, b, c, m, n, k, stream);
    case kNoNamedBarrier: return run<64, 0, false, true, kNoNamedBarrier>(a, b, c, m, n, k, stream);
    case kNoWgmmaFence: return run<64, 0, false, true, kNoWgmmaFence>(a, b, c, m, n, k, stream);
    case kFreeBeforeWait: return run<64, 0, false, false, kFreeBeforeWait>(a, b, c, m, n, k, stream);
    case kNoSyncwarp: return run<64, 0, true, false, kNoSyncwarp>(a, b, c, m, n, k, stream);
  }
  return cudaErrorInvalidValue;
}

}  // namespace simt_test
