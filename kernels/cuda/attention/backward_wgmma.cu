#include "kernels/cuda/attention/backward_keys_wgmma.cuh"
#include "kernels/cuda/attention/backward_queries_wgmma.cuh"

namespace encore::cuda {
namespace {

template <bool kDropout>
cudaError_t launch_backward(const AttentionArguments& a, cudaStream_t stream) {
  if (a.queries > 0) {
    const LaunchShape queries = wgmma_shape<kQueryWarpgroups>(a, a.queries, kBackwardWgmmaSmem<kQueryWarpgroups>);
    const cudaError_t e = launch(stream, queries, attention_backward_queries_wgmma_kernel<kDropout>, a);
    if (e != cudaSuccess) return e;
  }
  const LaunchShape keys = wgmma_shape<kKeyWarpgroups>(a, a.tokens, kKeysSmem<kDropout>);
  return launch(stream, keys, attention_backward_keys_wgmma_kernel<kDropout>, a);
}

}  // namespace

cudaError_t attention_backward_wgmma(const AttentionArguments& a, cudaStream_t stream) {
  return a.threshold ? launch_backward<true>(a, stream) : launch_backward<false>(a, stream);
}

}  // namespace encore::cuda
