// Blocks of a cluster that tell one another what they have: right, and with one thing wrong.
#include <device_port.h>
#include <kernels.h>

#include <device/cluster.cuh>

namespace simt_test {
namespace {

constexpr int kWarps = 3, kRounds = 3, kMost = 8;

struct Exchange {
  float2 told[2][kMost * kWarps];
};

// In every round each warp tells every block of its cluster two numbers, and each thread adds up all that its block was
// told.
__global__ void exchange_kernel(ClusterFault fault, const uint32_t* in, uint32_t* out) {
  Exchange& shared = static_smem<Exchange>();
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, rank = ptx::cluster_rank(),
                 size = ptx::cluster_size();
  if (fault != ClusterFault::kNoBarrierBefore) {
    ptx::cluster_arrive();
    ptx::cluster_wait();
  }
  uint32_t sum = 0;
  for (int round = 0; round < kRounds; ++round) {
    float2* const told = shared.told[fault == ClusterFault::kOneBuffer ? 0 : round % 2];
    const unsigned from = rank * kWarps + warp;
    const float value = float(in[(blockIdx.x * kWarps + warp) % 64] % 1024 + unsigned(round));
    if (lane < size)
      ptx::cluster_store(told + from, fault == ClusterFault::kWrongRank ? lane + 1 : lane,  // [store]
                         make_float2(value, float(lane)));
    if (fault == ClusterFault::kOneMissing && rank == 1 && warp == 2) break;
    ptx::cluster_arrive();                                            // [arrive]
    if (fault == ClusterFault::kArriveTwice) ptx::cluster_arrive();   // [arrive-twice]
    if (fault != ClusterFault::kReadBeforeWait) ptx::cluster_wait();  // [wait]
    for (unsigned i = 0; i < size * kWarps; ++i)
      sum = sum * 31 + uint32_t(told[i].x) + 7 * uint32_t(told[i].y);  // [read]
    if (fault == ClusterFault::kReadBeforeWait) ptx::cluster_wait();
  }
  if (fault == ClusterFault::kStoreAtExit && rank == 1) {
    __syncthreads();
    ptx::cluster_store(shared.told[0], 0, make_float2(0, 0));  // [store-at-exit]
  }
  out[blockIdx.x * kWarps * 32 + threadIdx.x] = sum;
}

}  // namespace

cudaError_t run_clusters(ClusterFault fault, int size, int clusters, const uint32_t* in, uint32_t* out,
                         cudaStream_t stream) {
  const unsigned blocks = unsigned(size * clusters);
  return launch(stream, {dim3(blocks), dim3(kWarps * 32), 0, unsigned(size)}, exchange_kernel, fault, in, out);
}

}  // namespace simt_test
