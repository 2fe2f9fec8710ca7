// Kernels with one fault each. The lines that a report must name are marked [tag].
#include <device_port.h>
#include <kernels.h>

#include <device/cp_async.cuh>
#include <device/ldmatrix.cuh>
#include <device/mbarrier.cuh>
#include <device/named_barrier.cuh>

namespace simt_test {
namespace {

struct Rows {
  float row[2][128];
  uint64_t barrier;
};

// Two rounds: every thread writes its cell, then reads its neighbour's.
__global__ void neighbours_kernel(Fault fault, float* out) {
  Rows& s = static_smem<Rows>();
  const int t = int(threadIdx.x);
  float sum = 0;
  for (int round = 0; round < 2; ++round) {
    s.row[0][t] = float(t + round);  // [neighbour-write]
    if (fault != Fault::kMissingSyncthreads) __syncthreads();
    sum += s.row[0][(t + 32) % 128];  // [neighbour-read]
    if (fault != Fault::kMissingSyncthreadsBeforeReuse) __syncthreads();
  }
  out[t] = sum;
}

__global__ void copies_kernel(Fault fault, float* out, const float* in) {
  auto* s = dynamic_smem<float>();
  const int t = int(threadIdx.x);
  for (int stage = 0; stage < 2; ++stage) {
    ptx::cp_async_16(ptx::shared_address(s + 512 * stage + 4 * t), in + 512 * stage + 4 * t);  // [copy]
    ptx::cp_async_commit();
  }
  if (fault == Fault::kWaitOneGroupTooFew) {
    ptx::cp_async_wait<1>();
  } else if (fault != Fault::kReadBeforeWait && fault != Fault::kUnfinishedCopies) {
    ptx::cp_async_wait<0>();
  }
  __syncthreads();
  for (int i = t; i < 1024; i += 128) out[i] = s[i];  // [copy-read]
  if (fault != Fault::kUnfinishedCopies) ptx::cp_async_wait<0>();
}

__global__ void blocks_kernel(Fault fault, float* out) {
  if (fault == Fault::kBlocksWithoutAtomics) {
    out[threadIdx.x] += 1.0f;  // [plain-add]
  } else {
    atomicAdd(&out[threadIdx.x], 1.0f);
  }
}

__global__ void shared_kernel(Fault fault, float* out) {
  auto* s = dynamic_smem<float>();  // 1000 bytes: 250 floats
  const int t = int(threadIdx.x);
  if (fault != Fault::kUninitialisedShared || t < 64) s[t] = float(t);
  if (fault == Fault::kDynamicOutOfRange && t == 5) s[250] = 1.0f;            // [past-end]
  if (fault == Fault::kDynamicFarOutOfRange && t == 5) s[250 + 4096] = 1.0f;  // [far-past-end]
  __syncthreads();
  out[t] = s[127 - t];  // [shared-read]
}

__global__ void warp_kernel(Fault fault, float* out) {
  Rows& s = static_smem<Rows>();
  const int lane = int(threadIdx.x);
  const unsigned mask = 0xffffffffu;
  s.row[0][lane] = float(lane);  // [warp-write]
  if (fault != Fault::kMissingSyncwarp) __syncwarp();
  float v = s.row[0][lane ^ 1];  // [warp-read]
  __syncwarp();
  if (fault == Fault::kNotInMask) v = __shfl_xor_sync(0x0000ffffu, v, 1);  // [not-in-mask]
  if (fault == Fault::kShuffleOutsideMask) {
    v = lane < 16 ? __shfl_sync(0x0000ffffu, v, 20) : v;  // [outside-mask]
  }
  if (fault == Fault::kDivergentShuffle) {
    if (lane < 16) {
      v += __shfl_xor_sync(mask, v, 1);  // [divergent-low]
    } else {
      v += __shfl_xor_sync(mask, v, 2);  // [divergent-high]
    }
  }
  if (fault == Fault::kExitedLaneInMask && lane == 31) return;
  if (fault == Fault::kExitedLaneInMask) v += __shfl_xor_sync(mask, v, 1);  // [exited]
  out[lane] = v;
}

__global__ void barrier_kernel(Fault fault, float* out) {
  Rows& s = static_smem<Rows>();
  const int t = int(threadIdx.x);
  if (t == 0) ptx::mbarrier_init(&s.barrier, 2);
  __syncthreads();
  if (fault == Fault::kDivergentBarrier) {
    if (t < 64) {
      __syncthreads();  // [barrier-low]
    } else {
      __syncthreads();  // [barrier-high]
    }
  }
  if (fault == Fault::kExitBeforeBarrier && t == 7) return;
  if (fault == Fault::kExitBeforeBarrier) __syncthreads();                            // [exit-barrier]
  if (fault == Fault::kBarrierCount) ptx::named_barrier_sync(1, t < 32 ? 64 : 128);   // [barrier-count]
  if (fault == Fault::kDeadlockMbarrier && t == 0) ptx::mbarrier_arrive(&s.barrier);  // one of two
  if (fault == Fault::kDeadlockMbarrier && t >= 96) {
    ptx::mbarrier_wait_parity(&s.barrier, 0);  // [mbarrier-wait]
  } else if (fault == Fault::kDeadlockMbarrier) {
    ptx::named_barrier_sync(2, 128);  // [named-wait]
  }
  out[t] = float(t);
}

__global__ void address_kernel(Fault fault, float* out, const float* in) {
  auto* s = dynamic_smem<float>();  // 1024 bytes
  const int t = int(threadIdx.x);
  const uint32_t base = ptx::shared_address(s);
  uint32_t r[4] = {};
  if (fault == Fault::kMisalignedCopy) ptx::cp_async_16(base, in + 1);                         // [misaligned]
  if (fault == Fault::kLdmatrixOutOfRange) ptx::ldmatrix_x4(r, base + uint32_t(t) * 32 + 16);  // inside
  if (fault == Fault::kLdmatrixOutOfRange) ptx::ldmatrix_x4(r, base + uint32_t(t) * 32 + 32);  // [ldmatrix-out]
  if (fault == Fault::kWildPointer && t == 3) out[size_t(1) << 44] = 1.0f;                     // [wild]
  if (fault == Fault::kGlobalOverread && t == 31) r[0] = __float_as_uint(in[1024]);            // [overread]
  if (fault == Fault::kGlobalOverreadCopy && t == 31) {
    ptx::cp_async_16(base, in + 1020 + 4);  // [overread-copy]
    ptx::cp_async_commit();
    ptx::cp_async_wait<0>();
  }
  out[t] = float(t) + 0 * __uint_as_float(r[0]);
}

__device__ __attribute__((noinline)) float deep(int n) {
  volatile float frame[256];
  for (int i = 0; i < 256; ++i) frame[i] = float(n);
  return n == 0 ? frame[3] : deep(n - 1) + frame[n % 256];
}

__global__ void locals_kernel(Fault fault, float* out) {
  if (fault == Fault::kStackOverflow) {
    out[0] = deep(100000);
    return;
  }
  volatile float acc[8];
  for (int i = 0; i < 8 && fault != Fault::kUninitialisedLocal; ++i) acc[i] = 0;
  float sum = 0;
  for (int i = 0; i < 8; ++i) sum += acc[i];
  out[threadIdx.x] = sum;
}

}  // namespace

cudaError_t run_fault(Fault fault, float* out, const float* in, cudaStream_t stream) {
  const LaunchShape small{dim3(1), dim3(32), 1024}, shape{dim3(1), dim3(128), 4096};
  switch (fault) {
    case Fault::kMissingSyncthreads:
    case Fault::kMissingSyncthreadsBeforeReuse: return launch(stream, shape, neighbours_kernel, fault, out);
    case Fault::kReadBeforeWait:
    case Fault::kWaitOneGroupTooFew:
    case Fault::kUnfinishedCopies: return launch(stream, shape, copies_kernel, fault, out, in);
    case Fault::kBlocksWithoutAtomics: return launch(stream, {dim3(4), dim3(64), 0}, blocks_kernel, fault, out);
    case Fault::kUninitialisedShared:
    case Fault::kDynamicOutOfRange:
    case Fault::kDynamicFarOutOfRange: return launch(stream, {dim3(1), dim3(128), 1000}, shared_kernel, fault, out);
    case Fault::kMissingSyncwarp:
    case Fault::kNotInMask:
    case Fault::kExitedLaneInMask:
    case Fault::kDivergentShuffle:
    case Fault::kShuffleOutsideMask: return launch(stream, small, warp_kernel, fault, out);
    case Fault::kDivergentBarrier:
    case Fault::kExitBeforeBarrier:
    case Fault::kBarrierCount:
    case Fault::kDeadlockMbarrier: return launch(stream, shape, barrier_kernel, fault, out);
    case Fault::kLdmatrixOutOfRange:
    case Fault::kMisalignedCopy:
    case Fault::kWildPointer:
    case Fault::kGlobalOverread:
    case Fault::kGlobalOverreadCopy: return launch(stream, small, address_kernel, fault, out, in);
    case Fault::kUninitialisedLocal:
    case Fault::kStackOverflow: return launch(stream, small, locals_kernel, fault, out);
    case Fault::kNone: break;
  }
  // All kernels, without their faults.
  cudaError_t e = launch(stream, shape, neighbours_kernel, Fault::kNone, out);
  if (e == cudaSuccess) e = launch(stream, shape, copies_kernel, Fault::kNone, out, in);
  if (e == cudaSuccess) e = launch(stream, {dim3(4), dim3(64), 0}, blocks_kernel, Fault::kNone, out);
  if (e == cudaSuccess) e = launch(stream, {dim3(1), dim3(128), 1000}, shared_kernel, Fault::kNone, out);
  if (e == cudaSuccess) e = launch(stream, small, warp_kernel, Fault::kNone, out);
  if (e == cudaSuccess) e = launch(stream, shape, barrier_kernel, Fault::kNone, out);
  if (e == cudaSuccess) e = launch(stream, small, address_kernel, Fault::kNone, out, in);
  if (e == cudaSuccess) e = launch(stream, small, locals_kernel, Fault::kNone, out);
  return e;
}

}  // namespace simt_test
