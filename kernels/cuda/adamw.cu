#include "kernels/cuda/adamw.cuh"
#include "kernels/cuda/launching.h"

namespace encore {
namespace {

bool aligned(std::initializer_list<const void*> all) {
  return std::all_of(all.begin(), all.end(), [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; });
}

}  // namespace

void CudaBackend::adamw(const AdamW& a) {
  const cuda::AdamWArgs args{
      .w = a.w.ptr<float>(),
      .m = a.m.ptr<float>(),
      .v = a.v.ptr<float>(),
      .gradient = a.gradient.ptr<float>(),
      .shadow = static_cast<__nv_bfloat16*>(a.shadow.data),
      .scalars = static_cast<const AdamWScalars*>(a.scalars.data),
      .squares = a.squares.ptr<double>(),
      .loss = a.loss.ptr<double>(),
      .spared = a.spared.ptr<int64_t>(),
      .spared_ranges = int(a.spared.cols / 2),
      .max_norm = a.max_norm,
      .beta1 = a.beta1,
      .beta2 = a.beta2,
      .rest1 = float(1 - double(a.beta1)),
      .rest2 = float(1 - double(a.beta2)),
      .eps = a.eps,
      .weight_decay = a.weight_decay,
      .n = a.w.cols,
      .wide = aligned({a.w.data, a.m.data, a.v.data, a.gradient.data, a.shadow.data}),
  };
  const unsigned grid = cuda::grid_size(cuda::div_up(a.w.cols, int64_t(cuda::kAdamWThreads) * cuda::kUnit));
  check_cuda(launch(stream_, {grid, cuda::kAdamWThreads}, cuda::adamw_kernel, args), "adamw");
}

}  // namespace encore
