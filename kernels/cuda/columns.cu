// GELU backward, tanh backward and the bias gradient.
#include "kernels/cuda/columns.cuh"
#include "kernels/cuda/launching.h"

namespace encore {
namespace {

// Blocks of at least 64 rows: then the partial sums are under 2 % of what moves.
cuda::RowParts parts_of(int64_t rows) {
  return {rows, 64, 256};
}

template <class T, class F>
cudaError_t run(cudaStream_t stream, const Tensor& dy, const Tensor& other, const Tensor& bias, const Tensor& dx,
                const Tensor& live, float* parts) {
  const cuda::RowParts blocks = parts_of(dy.rows);
  const cuda::ColumnArgs<T> args{cuda::rows_of<const T>(dy),
                                 cuda::rows_of<const T>(other),
                                 cuda::rows_of<const float>(bias),
                                 cuda::rows_of<T>(dx),
                                 parts,
                                 live.ptr<int32_t>(),
                                 dy.rows,
                                 dy.cols,
                                 blocks.size};
  const dim3 grid(cuda::grid_size(cuda::div_up(dy.cols, cuda::kTileColumns)), cuda::grid_size(blocks.count));
  return launch(stream, {grid, cuda::kTileThreads}, cuda::column_kernel<T, F>, args);
}

size_t part_bytes(const Tensor& dy) {
  return size_t(parts_of(dy.rows).count * dy.cols) * sizeof(float);
}

}  // namespace

void CudaBackend::gelu_backward(const GeluBackward& a) {
  check_live("gelu_backward", a.live, a.dy.rows);
  float* parts = a.dbias ? static_cast<float*>(scratch(part_bytes(a.dy))) : nullptr;
  cuda::dispatch_device(a.dy.dtype, [&]<class T>() {
    check_cuda(run<T, cuda::GeluGradient>(stream_, a.dy, a.x, a.bias, a.dx, a.live, parts), "gelu_backward");
  });
  if (parts) combine("gelu_backward", parts, parts_of(a.dy.rows).count, a.dy.cols, {a.dbias});
}

void CudaBackend::tanh_backward(const TanhBackward& a) {
  check_live("tanh_backward", a.live, a.dy.rows);
  float* parts = a.dbias ? static_cast<float*>(scratch(part_bytes(a.dy))) : nullptr;
  cuda::dispatch_device(a.dy.dtype, [&]<class T>() {
    check_cuda(run<T, cuda::TanhGradient>(stream_, a.dy, a.y, Tensor(), a.dx, a.live, parts), "tanh_backward");
  });
  if (parts) combine("tanh_backward", parts, parts_of(a.dy.rows).count, a.dy.cols, {a.dbias});
}

void CudaBackend::bias_gradient(const BiasGradient& a) {
  check_live("bias_gradient", a.live, a.dy.rows);
  float* parts = static_cast<float*>(scratch(part_bytes(a.dy)));
  cuda::dispatch_device(a.dy.dtype, [&]<class T>() {
    check_cuda(run<T, cuda::PlainGradient>(stream_, a.dy, Tensor(), Tensor(), Tensor(), a.live, parts),
               "bias_gradient");
  });
  combine("bias_gradient", parts, parts_of(a.dy.rows).count, a.dy.cols, {a.dbias});
}

}  // namespace encore
