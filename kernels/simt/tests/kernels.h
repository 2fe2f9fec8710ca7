// The kernels of the executor's own tests; compiled by the host compiler in three modes, and by nvcc.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace simt_test {

// C[M,N] = A[M,K] B[N,K]^T. K is a multiple of 8.
cudaError_t matmul_mma(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int m, int n, int k, cudaStream_t);

// In this order: A and B through shared memory; A through registers; B as [K,N]; both of these with N = 128 for a
// block; A doubled in shared memory (the result is twice the product); N = 256 for a block.
enum class WgmmaForm { kShared, kRegisters, kTransposed, kRegistersTransposed, kScaled, kWide };
cudaError_t matmul_wgmma(WgmmaForm, const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int m, int n, int k,
                         cudaStream_t);
// The same with one step left out.
enum WgmmaFault {
  kNone,
  kNoBarrierAfterInit,
  kIgnoreEmpty,
  kIgnoreFull,
  kHalfTheBytes,
  kNoProxyFence,
  kNoNamedBarrier,
  kNoWgmmaFence,
  kFreeBeforeWait,
  kNoSyncwarp,
};
cudaError_t matmul_wgmma_fault(WgmmaFault, const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int m, int n,
                               int k, cudaStream_t);

// One small kernel with one thing wrong (faults.cu). `out` holds at least 4096 floats.
enum class Fault {
  kNone,  // the same kernel, right
  kMissingSyncthreads,
  kMissingSyncthreadsBeforeReuse,
  kReadBeforeWait,
  kWaitOneGroupTooFew,
  kBlocksWithoutAtomics,
  kUninitialisedShared,
  kMissingSyncwarp,
  kDynamicOutOfRange,
  kDynamicFarOutOfRange,
  kLdmatrixOutOfRange,
  kMisalignedCopy,
  kDivergentBarrier,
  kExitBeforeBarrier,
  kBarrierCount,
  kDeadlockMbarrier,
  kNotInMask,
  kExitedLaneInMask,
  kDivergentShuffle,
  kShuffleOutsideMask,
  kUninitialisedLocal,
  kUnfinishedCopies,
  kStackOverflow,
  kWildPointer,
  kGlobalOverread,
  kGlobalOverreadCopy,
};
cudaError_t run_fault(Fault, float* out, const float* in, cudaStream_t);

// Shuffles of every width, votes, masks: [26 * 32] words. cp.async with zero fill, ldmatrix, mma: [12 * 32] words from
// in [64 * 32]. The values of a run on hardware must be the same.
cudaError_t run_shuffles(uint32_t* out, cudaStream_t);
cudaError_t run_warp_matrix(const uint32_t* in, uint32_t* out, cudaStream_t);
// Named barrier, mbarrier, ldmatrix x1 and x2, rounding to bf16: [7 * 32] words from in [256]. Likewise.
cudaError_t run_hand_over(const uint32_t* in, uint32_t* out, cudaStream_t);
// Clusters of 1 to 8 blocks of 96 threads: [clusters * size * 96] words from in [64]. Likewise.
enum class ClusterFault {
  kNone,
  kNoBarrierBefore,
  kDivergentArrive,
  kOneBuffer,
  kNoSyncthreads,
  kReadBeforeWait,
  kWrongRank,
  kOneSilent,
  kArriveTwice,
  kStoreAtExit,
};
cudaError_t run_clusters(ClusterFault, int size, int clusters, const uint32_t* in, uint32_t* out, cudaStream_t);
// How many clusters of that many blocks, each on a multiprocessor of its own, the device can run at a time.
cudaError_t count_clusters(int size, int* count);
// Bulk copies of 160 words: [32 * rows] words from in [160 * rows]. Likewise.
enum class BulkFault { kNone, kIgnoreFull, kIgnoreEmpty, kMisaligned, kHalfTheBytes, kNoProxyFence };
cudaError_t run_bulk_copies(BulkFault, const uint32_t* in, int rows, uint32_t* out, cudaStream_t);
// Two launches of blocks * 128 threads, the second an early one: [blocks * 128] words from in [64]. Likewise.
enum class EarlyFault { kNone, kNoWait, kReadBeforeWait };
cudaError_t run_early(EarlyFault, int blocks, const uint32_t* in, uint32_t* between, uint32_t* out, cudaStream_t);
// out[i] = 2^in[i], approximately. n is a multiple of 64.
cudaError_t run_exp2(const float* in, float* out, int n, cudaStream_t);
// out[i] = in[i] in 16-byte steps; with stride > 1 the lanes go through shared memory that many words apart.
cudaError_t run_copy(const float* in, float* out, int n, int stride, cudaStream_t);
// Adds 1 to counter[0] from every thread; sums block-wide into counter[1 + block] through __syncthreads_count.
cudaError_t run_counter(int* counter, int blocks, int threads, cudaStream_t);

}  // namespace simt_test
