#include "kernels/cuda/attention/backward_keys_wgmma.cuh"
#include "kernels/cuda/attention/backward_queries_wgmma.cuh"
#include "kernels/cuda/attention/forward_wgmma.cuh"

namespace encore::cuda {
namespace {

LaunchShape shape_of(const AttentionArguments& a, int64_t rows, int groups, int smem) {
  return {dim3(tile_bound(rows, a.sequences, groups * kGroupRows), unsigned(a.heads)),
          dim3(unsigned(groups * kGroupThreads)), size_t(smem)};
}

template <bool kDropout>
cudaError_t launch_backward(const AttentionArguments& a, cudaStream_t stream) {
  if (a.queries > 0) {
    const cudaError_t e = launch(stream, shape_of(a, a.queries, kQueryGroups, kBackwardWgmmaSmem<kQueryGroups>),
                                 attention_queries_wgmma_kernel<kDropout>, a);
    if (e != cudaSuccess) return e;
  }
  return launch(stream, shape_of(a, a.tokens, kKeyGroups, kKeysSmem<kDropout>), attention_keys_wgmma_kernel<kDropout>,
                a);
}

}  // namespace

cudaError_t attention_forward_wgmma(const AttentionArguments& a, cudaStream_t stream) {
  const LaunchShape shape = shape_of(a, a.queries, kForwardGroups, kForwardWgmmaSmem);
  return a.threshold ? launch(stream, shape, attention_forward_wgmma_kernel<true>, a)
                     : launch(stream, shape, attention_forward_wgmma_kernel<false>, a);
}

cudaError_t attention_backward_wgmma(const AttentionArguments& a, cudaStream_t stream) {
  return a.threshold ? launch_backward<true>(a, stream) : launch_backward<false>(a, stream);
}

}  // namespace encore::cuda
