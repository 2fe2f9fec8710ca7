// GELU and tanh forward, dropout, casts, gather and scatter.
#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/launching.h"

namespace encore {
namespace {

unsigned map_grid(const char* op, const Tensor& x) {
  const int64_t units = cuda::div_up(x.cols, cuda::kUnit) * x.rows;
  check(units < int64_t(1) << 32, "{}: {} has more elements than the CUDA backend serves in one call", op, x.str());
  return cuda::grid_size(cuda::div_up(units, cuda::kMapThreads));
}

// y[ty[r]] = f(x[tx[r]] + bias) over `rows` rows; tx, ty and bias may be absent.
template <class F>
void map(cudaStream_t stream, const char* op, const Tensor& x, const Tensor& y, const Tensor& bias, const Tensor& tx,
         const Tensor& ty, const RowDropout& dropout) {
  const Tensor& shape = tx ? y : x;
  if (shape.size() == 0) return;
  const unsigned grid = map_grid(op, shape);
  cuda::dispatch_device(x.dtype, [&]<class T>() {
    const cuda::MapArgs<T, T> args{cuda::rows_of<const T>(x),
                                   cuda::rows_of<T>(y),
                                   cuda::rows_of<const float>(bias),
                                   tx.ptr<int32_t>(),
                                   ty.ptr<int32_t>(),
                                   shape.rows,
                                   shape.cols,
                                   cuda::draws_of(dropout)};
    check_cuda(launch(stream, {grid, cuda::kMapThreads}, cuda::map_kernel<T, T, F>, args), op);
  });
}

}  // namespace

void CudaBackend::gelu_forward(const GeluForward& a) {
  map<cuda::Gelu>(stream_, "gelu_forward", a.x, a.y, a.bias, {}, {}, {});
}

void CudaBackend::tanh_forward(const TanhForward& a) {
  map<cuda::Tanh>(stream_, "tanh_forward", a.x, a.y, a.bias, {}, {}, {});
}

void CudaBackend::dropout_apply(const DropoutApply& a) {
  check_row_keys("dropout_apply", a.dropout);
  map<cuda::Same>(stream_, "dropout_apply", a.x, a.y, {}, {}, {}, a.dropout);
}

void CudaBackend::gather_rows(const GatherRows& a) {
  check_indices("gather_rows", "rows", a.rows, a.x.rows);
  map<cuda::Same>(stream_, "gather_rows", a.x, a.y, {}, a.rows, {}, {});
}

void CudaBackend::scatter_rows(const ScatterRows& a) {
  check_indices("scatter_rows", "rows", a.rows, a.dx.rows);
  if (a.add) return map<cuda::Added>(stream_, "scatter_rows", a.dy, a.dx, {}, {}, a.rows, {});
  const size_t width = size_t(a.dx.cols) * size_of(a.dx.dtype);
  if (a.dx.contiguous()) {
    check_cuda(cudaMemsetAsync(a.dx.data, 0, a.dx.bytes(), stream_), "scatter_rows");
  } else {
    for (int64_t r = 0; r < a.dx.rows; ++r)
      check_cuda(cudaMemsetAsync(a.dx.row_range(r, 1).data, 0, width, stream_), "scatter_rows");
  }
  map<cuda::Same>(stream_, "scatter_rows", a.dy, a.dx, {}, {}, a.rows, {});
}

void CudaBackend::cast(const Cast& a) {
  const unsigned grid = map_grid("cast", a.x);
  cuda::dispatch_device(a.x.dtype, [&]<class T>() {
    cuda::dispatch_device(a.y.dtype, [&]<class U>() {
      check_cuda(launch(stream_, {grid, cuda::kMapThreads}, cuda::cast_kernel<T, U>, cuda::rows_of<const T>(a.x),
                        cuda::rows_of<U>(a.y), a.x.rows, a.x.cols),
                 "cast");
    });
  });
}

}  // namespace encore
