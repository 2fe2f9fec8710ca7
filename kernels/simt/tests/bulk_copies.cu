// Rows of words through a ring of two stages that bulk copies fill: the right kernel, and variants with one fault.
#include <device_port.h>
#include <kernels.h>

#include <device/bulk_copy.cuh>

namespace simt_test {
namespace {

constexpr int kWords = 160, kStages = 2;

struct Ring {
  uint64_t full[kStages], empty[kStages];
};

// Warp 1 starts the copies. Warp 0 adds up each row, after its first lane has overwritten the row's first word.
__global__ void bulk_kernel(BulkFault fault, const uint32_t* in, int rows, uint32_t* out) {
  Ring& ring = static_smem<Ring>();
  auto* const stages = dynamic_smem<uint32_t>();
  const int lane = int(threadIdx.x) % 32;
  if (threadIdx.x == 0) {
    for (int i = 0; i < kStages; ++i) ptx::mbarrier_init(&ring.full[i], 1), ptx::mbarrier_init(&ring.empty[i], 1);
    ptx::fence_mbarrier_init();
  }
  __syncthreads();
  if (threadIdx.x >= 32) {
    for (int r = 0; r < rows && lane == 0; ++r) {
      const int stage = r % kStages;
      if (r >= kStages && fault != BulkFault::kIgnoreEmpty)
        ptx::mbarrier_wait_parity(&ring.empty[stage], unsigned(r / kStages - 1) % 2);
      const int shift = fault == BulkFault::kMisaligned, bytes = kWords * 4;
      ptx::mbarrier_arrive_expect_tx(&ring.full[stage], unsigned(bytes));
      ptx::bulk_load(stages + stage * kWords, in + r * kWords + shift,  // [bulk]
                     unsigned(fault == BulkFault::kHalfTheBytes ? bytes / 2 : bytes), &ring.full[stage]);
    }
    return;
  }
  for (int r = 0; r < rows; ++r) {
    const int stage = r % kStages;
    uint32_t* const row = stages + stage * kWords;
    if (fault != BulkFault::kIgnoreFull) ptx::mbarrier_wait_parity(&ring.full[stage], unsigned(r / kStages) % 2);
    if (lane == 0) {
      row[0] ^= uint32_t(r);  // [rewrite]
      if (fault != BulkFault::kNoProxyFence) ptx::fence_proxy_async();
    }
    __syncwarp();
    uint32_t sum = 0;
    for (int i = lane; i < kWords + lane; ++i) sum = sum * 31 + row[i % kWords];  // [sum]
    out[r * 32 + lane] = sum;
    __syncwarp();
    if (lane == 0) ptx::mbarrier_arrive(&ring.empty[stage]);
  }
}

}  // namespace

cudaError_t run_bulk_copies(BulkFault fault, const uint32_t* in, int rows, uint32_t* out, cudaStream_t stream) {
  return launch(stream, {dim3(1), dim3(64), kStages * kWords * 4}, bulk_kernel, fault, in, rows, out);
}

}  // namespace simt_test
