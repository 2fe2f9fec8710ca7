// Primitives on fixed input, for comparison with hardware, and kernels whose traffic is known.
#include <device_port.h>
#include <kernels.h>

#include <device/cp_async.cuh>
#include <device/ldmatrix.cuh>
#include <device/mbarrier.cuh>
#include <device/mma.cuh>
#include <device/named_barrier.cuh>

namespace simt_test {
namespace {

__global__ void shuffles_kernel(uint32_t* out) {
  const uint32_t lane = threadIdx.x % 32, v = lane * lane + 3;
  const unsigned all = 0xffffffffu;
  uint32_t* o = out + lane;
  for (int width = 1; width <= 32; width *= 2, o += 4 * 32) {
    o[0] = __shfl_sync(all, v, 5, width);
    o[32] = __shfl_xor_sync(all, v, 3, width);
    o[64] = __shfl_up_sync(all, v, 2, width);
    o[96] = __shfl_down_sync(all, v, 2, width);
  }
  o[0] = __ballot_sync(all, lane % 3 == 0);
  o[32] = lane < 16 ? __shfl_xor_sync(0x0000ffffu, v, 1) : __shfl_xor_sync(0xffff0000u, v, 2);
}

__global__ void warp_matrix_kernel(const uint32_t* in, uint32_t* out) {
  const uint32_t s = ptx::shared_address(dynamic_smem<unsigned char>()), lane = threadIdx.x;
  for (uint32_t i = lane; i < 512; i += 32) ptx::cp_async_16(s + i * 16, in + i * 4, i % 5 ? 16 : int(i % 4 * 4));
  ptx::cp_async_commit();
  ptx::cp_async_wait<0>();
  __syncwarp();
  uint32_t a[4], b[4];
  float d[4] = {1, 2, 3, 4};
  ptx::ldmatrix_x4(a, s + (lane & 15) * 128 + (lane >> 4) * 16);
  ptx::ldmatrix_x4_trans(b, s + 2048 + (lane & 15) * 128 + (lane >> 4) * 16);
  ptx::mma_m16n8k16_bf16(d, a, b[0], b[1]);
  ptx::mma_m16n8k16_bf16(d, a, b[2], b[3]);
  for (int i = 0; i < 4; ++i) {
    out[i * 32 + lane] = a[i];
    out[(4 + i) * 32 + lane] = b[i];
    out[(8 + i) * 32 + lane] = __float_as_uint(d[i]);
  }
}

// Two warps. The first writes shared memory and arrives at a named barrier without waiting. The second waits there,
// loads the memory by every ldmatrix that warp_matrix_kernel does not use, packs the words, and passes them back by an
// mbarrier.
__global__ void hand_over_kernel(const uint32_t* in, uint32_t* out) {
  auto* words = dynamic_smem<uint32_t>();
  uint64_t* barrier = &static_smem<uint64_t>();
  const uint32_t warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (threadIdx.x == 0) ptx::mbarrier_init(barrier, 32);
  __syncthreads();
  if (warp == 0) {
    for (uint32_t i = lane; i < 256; i += 32) words[i] = in[i];
    ptx::named_barrier_arrive(1, 64);
    ptx::mbarrier_wait_parity(barrier, 0);
    out[6 * 32 + lane] = words[256 + (lane + 5) % 32];
    return;
  }
  ptx::named_barrier_sync(1, 64);
  const uint32_t s = ptx::shared_address(words);
  uint32_t one, two[2], crossed[2];
  ptx::ldmatrix_x1(one, s + (lane & 7) * 32);
  ptx::ldmatrix_x2(two, s + 256 + (lane & 15) * 32);
  ptx::ldmatrix_x2_trans(crossed, s + 256 + (lane & 15) * 32 + 16);
  const uint32_t loaded[5] = {one, two[0], two[1], crossed[0], crossed[1]};
  for (uint32_t i = 0; i < 5; ++i) out[i * 32 + lane] = loaded[i];
  // Halves of 1/256 between bf16 values: ties and both directions.
  words[256 + lane] = ptx::pack_bf16x2(1 + float(lane) / 512, -1 - float(lane) / 384);
  out[5 * 32 + lane] = words[256 + lane];
  ptx::mbarrier_arrive(barrier);
}

__global__ void exp2_kernel(const float* in, float* out) {
  const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = ptx::exp2_approx(in[i]);
}

__global__ void copy_kernel(const float* in, float* out, int n, int stride) {
  auto* s = dynamic_smem<float>();
  const int t = int(threadIdx.x), i = int(blockIdx.x * blockDim.x + threadIdx.x);
  float4 v = make_float4(0, 0, 0, 0);
  if (4 * i < n) v = reinterpret_cast<const float4*>(in)[i];
  if (stride > 1) {
    s[t * stride] = v.x;
    __syncthreads();
    v.x = s[t * stride];
  }
  if (4 * i < n) reinterpret_cast<float4*>(out)[i] = v;
}

__global__ void counter_kernel(int* counter) {
  atomicAdd(counter, 1);
  const int even = __syncthreads_count(threadIdx.x % 2 == 0);
  if (threadIdx.x == 0) counter[1 + blockIdx.x] = even;
}

}  // namespace

cudaError_t run_shuffles(uint32_t* out, cudaStream_t stream) {
  return launch(stream, {dim3(1), dim3(32), 0}, shuffles_kernel, out);
}
cudaError_t run_warp_matrix(const uint32_t* in, uint32_t* out, cudaStream_t stream) {
  return launch(stream, {dim3(1), dim3(32), 8192}, warp_matrix_kernel, in, out);
}
cudaError_t run_hand_over(const uint32_t* in, uint32_t* out, cudaStream_t stream) {
  return launch(stream, {dim3(1), dim3(64), 288 * 4}, hand_over_kernel, in, out);
}
cudaError_t run_exp2(const float* in, float* out, int n, cudaStream_t stream) {
  return launch(stream, {dim3(unsigned(n / 64)), dim3(64), 0}, exp2_kernel, in, out);
}
cudaError_t run_copy(const float* in, float* out, int n, int stride, cudaStream_t stream) {
  const unsigned threads = 128, blocks = unsigned(n / 4 + int(threads) - 1) / threads;
  return launch(stream, {dim3(blocks), dim3(threads), size_t(threads) * 4 * size_t(stride)}, copy_kernel, in, out, n,
                stride);
}
cudaError_t run_counter(int* counter, int blocks, int threads, cudaStream_t stream) {
  return launch(stream, {dim3(unsigned(blocks)), dim3(unsigned(threads)), 0}, counter_kernel, counter);
}

}  // namespace simt_test
