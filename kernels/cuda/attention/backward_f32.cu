#include "kernels/cuda/attention/backward_atomics.cuh"
#include "kernels/cuda/attention/backward_f32.cuh"

namespace encore::cuda {
namespace {

// The pass over queries writes delta, which the pass over keys reads.
template <int D>
cudaError_t launch_backward(const AttentionArguments& a, cudaStream_t stream) {
  const LaunchShape keys = f32_shape<D>(a, a.tokens);
  if (a.dq_sum)
    return with_atomics<float>(a, stream,
                               [&] { return launch(stream, keys, attention_backward_keys_f32_kernel<D, true>, a); });
  if (a.queries > 0) {
    const cudaError_t e = launch(stream, f32_shape<D>(a, a.queries), attention_backward_queries_f32_kernel<D>, a);
    if (e != cudaSuccess) return e;
  }
  return launch(stream, keys, attention_backward_keys_f32_kernel<D, false>, a);
}

}  // namespace

cudaError_t attention_backward_f32(const AttentionArguments& a, cudaStream_t stream) {
  switch (a.head_size) {
    case 32: return launch_backward<32>(a, stream);
    case 64: return launch_backward<64>(a, stream);
    case 96: return launch_backward<96>(a, stream);
    case 128: return launch_backward<128>(a, stream);
    default: return cudaErrorInvalidValue;
  }
}

}  // namespace encore::cuda
