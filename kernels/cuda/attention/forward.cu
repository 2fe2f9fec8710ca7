#include "kernels/cuda/attention/forward.cuh"

namespace encore::cuda {
namespace {

template <int D>
cudaError_t launch_forward(const AttentionArguments& a, cudaStream_t stream) {
  const LaunchShape shape{.grid = dim3(tile_bound(a.queries, a.sequences, kTileRows), unsigned(a.heads)),
                          .block = dim3(kForwardThreads),
                          .smem = kForwardSmem<D>};
  return a.threshold ? launch(stream, shape, attention_forward_kernel<D, true>, a)
                     : launch(stream, shape, attention_forward_kernel<D, false>, a);
}

}  // namespace

cudaError_t attention_forward_bf16(const AttentionArguments& a, cudaStream_t stream) {
  switch (a.head_size) {
    case 32: return launch_forward<32>(a, stream);
    case 64: return launch_forward<64>(a, stream);
    case 96: return launch_forward<96>(a, stream);
    case 128: return launch_forward<128>(a, stream);
    default: return cudaErrorInvalidValue;
  }
}

}  // namespace encore::cuda
