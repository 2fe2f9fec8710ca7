// Blocks of a cluster that send one another values: the right kernel, and variants with one fault.
#include <device_port.h>
#include <kernels.h>

#include <device/cluster.cuh>
#include <device/mbarrier.cuh>

namespace simt_test {
namespace {

constexpr int kWarps = 3, kRounds = 4, kMost = 8;

struct Exchange {
  float2 told[2][kMost * kWarps];
  uint64_t all_told[2];
};

// In every round each warp sends two numbers to every block of its cluster, and each thread adds up all numbers that
// its block received. The numbers of round r overwrite those of round r - 2, which every block has read by then: the
// barrier of the cluster lies between that read and the stores of round r - 1.
__global__ void exchange_kernel(ClusterFault fault, const uint32_t* in, uint32_t* out) {
  Exchange& shared = static_smem<Exchange>();
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, rank = ptx::cluster_rank(),
                 size = ptx::cluster_size();
  if (threadIdx.x == 0) {
    ptx::mbarrier_init(&shared.all_told[0], 1);
    ptx::mbarrier_init(&shared.all_told[1], 1);
    ptx::fence_mbarrier_init();
  }
  if (fault != ClusterFault::kNoBarrierBefore) {
    if (fault == ClusterFault::kDivergentArrive && lane < 16)
      ptx::cluster_arrive();  // [half-a-warp]
    else
      ptx::cluster_arrive();
    if (fault == ClusterFault::kArriveTwice) ptx::cluster_arrive();  // [arrive-twice]
    ptx::cluster_wait();
  }
  uint32_t sum = 0;
  for (int round = 0; round < kRounds; ++round) {
    uint64_t* const barrier = &shared.all_told[round % 2];
    float2* const told = shared.told[fault == ClusterFault::kOneBuffer ? 0 : round % 2];
    const unsigned from = rank * kWarps + warp;
    const float value = float(in[(blockIdx.x * kWarps + warp) % 64] % 1024 + unsigned(round));
    if (threadIdx.x == 0) ptx::mbarrier_arrive_expect_tx(barrier, size * kWarps * 8);
    if (fault != ClusterFault::kNoSyncthreads) __syncthreads();
    const bool silent = fault == ClusterFault::kOneSilent && rank == 1 && warp == 2;
    if (lane < size && !silent)
      ptx::cluster_store_async(told + from, barrier, fault == ClusterFault::kWrongRank ? lane + 1 : lane,  // [store]
                               make_float2(value, float(lane)));
    if (fault != ClusterFault::kReadBeforeWait) ptx::mbarrier_wait_parity(barrier, round / 2 % 2);  // [wait]
    for (unsigned i = 0; i < size * kWarps; ++i) {
      const float2 v = told[i];  // [read]
      sum = sum * 31 + uint32_t(v.x) + 7 * uint32_t(v.y);
    }
    if (fault == ClusterFault::kReadBeforeWait) ptx::mbarrier_wait_parity(barrier, round / 2 % 2);
  }
  if (fault == ClusterFault::kStoreAtExit && rank == 1 && threadIdx.x == 0)
    ptx::cluster_store_async(shared.told[0], &shared.all_told[0], 0, make_float2(0, 0));  // [store-at-exit]
  out[blockIdx.x * kWarps * 32 + threadIdx.x] = sum;
}

}  // namespace

cudaError_t run_clusters(ClusterFault fault, int size, int clusters, const uint32_t* in, uint32_t* out,
                         cudaStream_t stream) {
  const unsigned blocks = unsigned(size * clusters);
  return launch(stream, {dim3(blocks), dim3(kWarps * 32), 0, unsigned(size)}, exchange_kernel, fault, in, out);
}

cudaError_t count_clusters(int size, int* count) {
  constexpr size_t kMostOfAMultiprocessor = 200 * 1024;
  const LaunchShape shape{unsigned(size), kWarps * 32, kMostOfAMultiprocessor, unsigned(size)};
  return resident_clusters(count, shape, exchange_kernel);
}

}  // namespace simt_test
