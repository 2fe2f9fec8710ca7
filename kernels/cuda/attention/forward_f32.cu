#include "kernels/cuda/attention/forward_f32.cuh"

namespace encore::cuda {
namespace {

template <int D>
cudaError_t launch_forward(const AttentionArguments& a, cudaStream_t stream) {
  return launch(stream, f32_shape<D>(a, a.queries), attention_forward_f32_kernel<D>, a);
}

}  // namespace

cudaError_t attention_forward_f32(const AttentionArguments& a, cudaStream_t stream) {
  switch (a.head_size) {
    case 32: return launch_forward<32>(a, stream);
    case 64: return launch_forward<64>(a, stream);
    case 96: return launch_forward<96>(a, stream);
    case 128: return launch_forward<128>(a, stream);
    default: return cudaErrorInvalidValue;
  }
}

}  // namespace encore::cuda
