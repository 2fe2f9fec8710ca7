#include "kernels/cuda/attention/forward_wgmma.cuh"

namespace encore::cuda {

cudaError_t attention_forward_wgmma(const AttentionArguments& a, cudaStream_t stream) {
  const LaunchShape shape = wgmma_shape<kForwardWarpgroups>(a, a.queries, kForwardWgmmaSmem);
  return a.threshold ? launch(stream, shape, attention_forward_wgmma_kernel<true>, a)
                     : launch(stream, shape, attention_forward_wgmma_kernel<false>, a);
}

}  // namespace encore::cuda
