#include "kernels/cuda/attention/backward_atomics.cuh"
#include "kernels/cuda/attention/backward_keys.cuh"
#include "kernels/cuda/attention/backward_queries.cuh"

namespace encore::cuda {
namespace {

using KeysKernel = void (*)(AttentionArguments);

// The pass over queries writes delta, which the pass over keys reads.
template <int D, bool kDropout>
cudaError_t launch_passes(const AttentionArguments& a, cudaStream_t stream, size_t keys_smem, KeysKernel atomic_keys,
                          KeysKernel keys_after_queries) {
  const LaunchShape keys{.grid = dim3(tile_bound(a.tokens, a.sequences, kTileRows), unsigned(a.heads)),
                         .block = dim3(kKeyPassThreads),
                         .smem = keys_smem};
  if (a.dq_sum) return with_atomics<__nv_bfloat16>(a, stream, [&] { return launch(stream, keys, atomic_keys, a); });
  if (a.queries > 0) {
    const LaunchShape queries{.grid = dim3(tile_bound(a.queries, a.sequences, kTileRows), unsigned(a.heads)),
                              .block = dim3(kQueryPassThreads),
                              .smem = kQueryPassSmem<D>};
    const cudaError_t e = launch(stream, queries, attention_backward_queries_kernel<D, kDropout>, a);
    if (e != cudaSuccess) return e;
  }
  return launch(stream, keys, keys_after_queries, a);
}

template <int D, bool kDropout>
cudaError_t launch_backward(const AttentionArguments& a, cudaStream_t stream) {
  // A card whose blocks have no room for two pairs of tiles.
  if constexpr (size_t(kKeyPassSmem<D>) > kLeastSharedMemory)
    if (a.shared_limit < size_t(kKeyPassSmem<D>))
      return launch_passes<D, kDropout>(a, stream, kKeyPassSmemOnePair<D>,
                                        attention_backward_keys_one_pair_kernel<D, kDropout, true>,
                                        attention_backward_keys_one_pair_kernel<D, kDropout, false>);
  return launch_passes<D, kDropout>(a, stream, kKeyPassSmem<D>, attention_backward_keys_kernel<D, kDropout, true>,
                                    attention_backward_keys_kernel<D, kDropout, false>);
}

template <int D>
cudaError_t launch_backward(const AttentionArguments& a, cudaStream_t stream) {
  return a.threshold ? launch_backward<D, true>(a, stream) : launch_backward<D, false>(a, stream);
}

}  // namespace

cudaError_t attention_backward_bf16(const AttentionArguments& a, cudaStream_t stream) {
  switch (a.head_size) {
    case 32: return launch_backward<32>(a, stream);
    case 64: return launch_backward<64>(a, stream);
    case 96: return launch_backward<96>(a, stream);
    case 128: return launch_backward<128>(a, stream);
    default: return cudaErrorInvalidValue;
  }
}

}  // namespace encore::cuda
