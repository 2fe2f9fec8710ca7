#include "kernels/cuda/launching.h"
#include "kernels/cuda/layernorm.cuh"

namespace encore {
namespace {

// A row lies in the registers of at most 256 (forward) or 512 (backward) threads.
constexpr int64_t kMostColumns = 8192;

}  // namespace

void CudaBackend::layernorm_forward(const LayerNormForward& a) {
  constexpr const char* op = "layernorm_forward";
  check(a.x.cols <= kMostColumns, "{}: x {} has more than the {} columns that the CUDA backend serves", op, a.x.str(),
        kMostColumns);
  check_live(op, a.live, a.x.rows);
  check_row_keys(op, a.dropout, a.live);
  cuda::dispatch_device(a.x.dtype, [&]<class T>() {
    const cuda::LayerNormForwardArgs<T> args{cuda::rows_of<const T>(a.x),
                                             cuda::rows_of<const T>(a.residual),
                                             cuda::rows_of<const float>(a.bias),
                                             cuda::rows_of<const float>(a.gamma),
                                             cuda::rows_of<const float>(a.beta),
                                             cuda::rows_of<T>(a.sum),
                                             cuda::rows_of<T>(a.y),
                                             a.mean.ptr<float>(),
                                             a.rstd.ptr<float>(),
                                             a.eps,
                                             a.live.ptr<int32_t>(),
                                             a.x.rows,
                                             a.x.cols,
                                             cuda::draws_of(a.dropout)};
    const unsigned rows = cuda::grid_size(a.x.rows), blocks = cuda::grid_size(cuda::div_up(a.x.rows, 4));
    if (a.x.cols <= 768)
      check_cuda(launch(stream_, {blocks, 128}, cuda::layernorm_forward_kernel<T, 32, 3>, args), op);
    else if (a.x.cols <= 1024)
      check_cuda(launch(stream_, {blocks, 128}, cuda::layernorm_forward_kernel<T, 32, 4>, args), op);
    else
      check_cuda(launch(stream_, {rows, 256}, cuda::layernorm_forward_kernel<T, 256, 4>, args), op);
  });
}

void CudaBackend::layernorm_backward(const LayerNormBackward& a) {
  constexpr const char* op = "layernorm_backward";
  const int64_t rows = a.dy.rows, cols = a.dy.cols;
  check(cols <= kMostColumns, "{}: dy {} has more than the {} columns that the CUDA backend serves", op, a.dy.str(),
        kMostColumns);
  check_live(op, a.live, rows);
  check_row_keys(op, a.dropout, a.live);
  const cuda::RowParts blocks(rows, 16, 264);
  const int sums = a.dbias ? 3 : 2;
  float* parts = static_cast<float*>(scratch(size_t(blocks.count * sums * cols) * sizeof(float)));
  cuda::dispatch_device(a.dy.dtype, [&]<class T>() {
    cuda::LayerNormBackwardArgs<T> args{cuda::rows_of<const T>(a.dy),
                                        cuda::rows_of<const T>(a.sum),
                                        cuda::rows_of<const float>(a.gamma),
                                        a.mean.ptr<float>(),
                                        a.rstd.ptr<float>(),
                                        cuda::rows_of<T>(a.dsum),
                                        cuda::rows_of<T>(a.dx),
                                        parts,
                                        sums,
                                        a.live.ptr<int32_t>(),
                                        rows,
                                        cols,
                                        blocks.size,
                                        cuda::draws_of(a.dropout)};
    if (a.dx.data == a.dsum.data) args.dsum.data = nullptr;  // dx lies over it
    const unsigned grid = cuda::grid_size(blocks.count);
    if (cols <= 1024)
      check_cuda(launch(stream_, {grid, 128}, cuda::layernorm_backward_kernel<T, 128, 1, 4>, args), op);
    else
      check_cuda(launch(stream_, {grid, 512}, cuda::layernorm_backward_kernel<T, 512, 2, 1>, args), op);
  });
  if (a.dbias)
    combine(op, parts, blocks.count, cols, {a.dgamma, a.dbeta, a.dbias});
  else
    combine(op, parts, blocks.count, cols, {a.dgamma, a.dbeta});
}

}  // namespace encore
