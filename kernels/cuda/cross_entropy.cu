#include "kernels/cuda/cross_entropy.cuh"
#include "kernels/cuda/launching.h"

namespace encore {
namespace {

template <class T, int kThreads>
cudaError_t run_rows(cudaStream_t stream, const cuda::CrossEntropyArgs<T>& args, size_t limit) {
  const unsigned grid = cuda::grid_size(args.rows);
  const size_t row = size_t(cuda::div_up(args.cols, cuda::kUnit) * cuda::kUnit) * sizeof(T), reserve = 1024;
  if (row + reserve <= limit)
    return launch(stream, {grid, kThreads, row}, cuda::cross_entropy_kernel<T, kThreads, true>, args);
  return launch(stream, {grid, kThreads}, cuda::cross_entropy_kernel<T, kThreads, false>, args);
}

}  // namespace

void CudaBackend::cross_entropy(const CrossEntropy& a) {
  constexpr const char* op = "cross_entropy";
  const int64_t rows = a.logits.rows, cols = a.logits.cols;
  check(cols < int64_t(1) << 30, "{}: logits {} have more columns than the CUDA backend serves", op, a.logits.str());
  const Outside bad = first_outside(op, a.labels, INT32_MIN, a.classes);
  check(bad.index < 0, "{}: label {} of row {} is not below {} classes", op, bad.value, bad.index, a.classes);
  const cuda::RowParts blocks(rows, 64, 256);
  const bool tiled = a.dbias && !a.loss_only;
  const size_t sums = tiled ? size_t(blocks.count * a.classes) : 0;
  float* room = static_cast<float*>(scratch((sums + size_t(3 * rows)) * sizeof(float)));
  float* per_row = room + sums;
  int32_t* correct = reinterpret_cast<int32_t*>(per_row + 2 * rows);
  cuda::dispatch_device(a.logits.dtype, [&]<class T>() {
    const cuda::CrossEntropyArgs<T> args{cuda::rows_of<T>(a.logits),
                                         cuda::rows_of<const float>(a.bias),
                                         a.labels.ptr<int32_t>(),
                                         a.grad_scale.ptr<float>(),
                                         a.row_loss.ptr<float>(),
                                         per_row,
                                         per_row + rows,
                                         correct,
                                         room,
                                         rows,
                                         cols,
                                         a.classes,
                                         blocks.size,
                                         !a.loss_only && !tiled};
    if (cols <= 4096)
      check_cuda(run_rows<T, 128>(stream_, args, shared_limit_), op);
    else
      check_cuda(run_rows<T, 512>(stream_, args, shared_limit_), op);
    if (!tiled) return;
    const dim3 grid(cuda::grid_size(cuda::div_up(cols, cuda::kTileColumns)), cuda::grid_size(blocks.count));
    check_cuda(launch(stream_, {grid, cuda::kTileThreads}, cuda::cross_entropy_gradient_kernel<T>, args), op);
  });
  if (tiled) combine(op, room, blocks.count, a.classes, {a.dbias});
  check_cuda(launch(stream_, {1, 256}, cuda::add_losses_kernel, a.row_loss.ptr<float>(), correct, rows,
                    a.loss_sum.ptr<double>(), a.correct.ptr<int64_t>()),
             op);
}

}  // namespace encore
