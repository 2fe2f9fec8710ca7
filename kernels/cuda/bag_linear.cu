#include "kernels/cuda/bag_linear.cuh"
#include "kernels/cuda/launching.h"

namespace encore {
namespace {

cudaError_t run_sums(cudaStream_t stream, const cuda::BagSumsArgs& args, int64_t rows) {
  const dim3 grid(cuda::grid_size(rows), cuda::grid_size(cuda::div_up(args.cols, cuda::kBagThreads)));
  return launch(stream, {grid, cuda::kBagThreads}, cuda::bag_sums_kernel, args);
}

}  // namespace

void CudaBackend::bag_linear_forward(const BagLinearForward& a) {
  constexpr const char* op = "bag_linear_forward";
  check_bags(op, a.bags, a.w.rows);
  const cuda::BagSumsArgs args{.start = a.bags.row_start.ptr<int32_t>(),
                               .index = a.bags.column.ptr<int32_t>(),
                               .value = a.bags.value.ptr<float>(),
                               .from = a.w.ptr<float>(),
                               .from_ld = a.w.ld,
                               .y = a.y.ptr<float>(),
                               .y_ld = a.y.ld,
                               .bias = a.bias.ptr<float>(),
                               .cols = a.y.cols};
  check_cuda(run_sums(stream_, args, a.y.rows), op);
}

void CudaBackend::bag_linear_backward(const BagLinearBackward& a) {
  constexpr const char* op = "bag_linear_backward";
  check_bags(op, a.bags, a.dy.rows);
  const cuda::BagSumsArgs args{.start = a.bags.word_start.ptr<int32_t>(),
                               .index = a.bags.document.ptr<int32_t>(),
                               .value = a.bags.value.ptr<float>(),
                               .from = a.dy.ptr<float>(),
                               .from_ld = a.dy.ld,
                               .y = a.dw.ptr<float>(),
                               .y_ld = a.dw.ld,
                               .bias = nullptr,
                               .cols = a.dw.cols};
  check_cuda(run_sums(stream_, args, a.dw.rows), op);
}

}  // namespace encore
