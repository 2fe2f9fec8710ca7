#include "kernels/cuda/adamw.cuh"
#include "kernels/cuda/launching.h"

namespace encore {
namespace {

bool aligned(std::initializer_list<const void*> all) {
  return std::all_of(all.begin(), all.end(), [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; });
}

constexpr int64_t kPiece = int64_t(cuda::kFlatThreads) * cuda::kUnit;

}  // namespace

void CudaBackend::adamw(const AdamW& a) {
  const cuda::AdamWArgs args{a.w.ptr<float>(),
                             a.m.ptr<float>(),
                             a.v.ptr<float>(),
                             a.gradient.ptr<float>(),
                             static_cast<__nv_bfloat16*>(a.shadow.data),
                             static_cast<const AdamWScalars*>(a.scalars.data),
                             a.squares.ptr<double>(),
                             a.loss.ptr<double>(),
                             a.spared.ptr<int64_t>(),
                             int(a.spared.cols / 2),
                             a.max_norm,
                             a.beta1,
                             a.beta2,
                             float(1 - double(a.beta1)),
                             float(1 - double(a.beta2)),
                             a.eps,
                             a.weight_decay,
                             a.w.cols,
                             aligned({a.w.data, a.m.data, a.v.data, a.gradient.data, a.shadow.data})};
  const unsigned grid = cuda::grid_size(cuda::div_up(a.w.cols, kPiece));
  check_cuda(launch(stream_, {grid, cuda::kFlatThreads}, cuda::adamw_kernel, args), "adamw");
}

void CudaBackend::sum_of_squares(const SumOfSquares& a) {
  constexpr const char* op = "sum_of_squares";
  const int64_t blocks = std::min<int64_t>(cuda::div_up(a.x.cols, kPiece), 1024);
  double* parts = static_cast<double*>(scratch(size_t(blocks) * sizeof(double)));
  check_cuda(launch(stream_, {cuda::grid_size(blocks), cuda::kFlatThreads}, cuda::squares_kernel, a.x.ptr<float>(),
                    a.x.cols, aligned({a.x.data}), parts),
             op);
  check_cuda(
      launch(stream_, {1, cuda::kFlatThreads}, cuda::add_parts_kernel, parts, int(blocks), a.result.ptr<double>()), op);
}

}  // namespace encore
