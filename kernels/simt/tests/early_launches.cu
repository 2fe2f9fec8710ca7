// A launch that reads the output of the launch before it in the stream, and may start before that one has ended.
#include <device_port.h>
#include <kernels.h>

#include <device/early_launch.cuh>

namespace simt_test {
namespace {

__global__ void first_kernel(const uint32_t* in, uint32_t* between) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  ptx::allow_next_launch();
  uint32_t x = in[i % 64] + i;
  for (int step = 0; step < 1000; ++step) x = x * 1664525 + 1013904223;  // long enough for the other to start
  between[i] = x;
}

__global__ void second_kernel(EarlyFault fault, const uint32_t* between, unsigned count, uint32_t* out) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  uint32_t x = 0;
  if (fault == EarlyFault::kReadBeforeWait) x = between[i];  // [early-read]
  if (fault != EarlyFault::kNoWait) ptx::wait_for_earlier_launches();
  out[i] = between[(i * 7 + 13) % count] + x;  // [early-write]
}

}  // namespace

cudaError_t run_early(EarlyFault fault, int blocks, const uint32_t* in, uint32_t* between, uint32_t* out,
                      cudaStream_t stream) {
  const unsigned grid = unsigned(blocks);
  const cudaError_t e = launch(stream, {.grid = grid, .block = 128}, first_kernel, in, between);
  if (e != cudaSuccess) return e;
  return launch(stream, {.grid = grid, .block = 128, .early = true}, second_kernel, fault, between, grid * 128, out);
}

}  // namespace simt_test
