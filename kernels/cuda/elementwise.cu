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

// y[ty[r]] = f(x[tx[r]] + bias) over the rows that count; all but x and y may be absent.
struct Map {
  const char* op;
  Tensor x, y, bias, tx, ty, live;
  RowDropout dropout;
};
template <class F>
void run(cudaStream_t stream, const Map& m) {
  const Tensor& shape = m.tx ? m.y : m.x;
  if (shape.size() == 0) return;
  const unsigned grid = map_grid(m.op, shape);
  cuda::dispatch_device(m.x.dtype, [&]<class T>() {
    const cuda::MapArgs<T, T> args{cuda::rows_of<const T>(m.x),
                                   cuda::rows_of<T>(m.y),
                                   cuda::rows_of<const float>(m.bias),
                                   m.tx.ptr<int32_t>(),
                                   m.ty.ptr<int32_t>(),
                                   m.live.ptr<int32_t>(),
                                   shape.rows,
                                   shape.cols,
                                   cuda::draws_of(m.dropout)};
    check_cuda(launch(stream, {grid, cuda::kMapThreads}, cuda::map_kernel<T, T, F>, args), m.op);
  });
}

}  // namespace

void CudaBackend::gelu_forward(const GeluForward& a) {
  check_live("gelu_forward", a.live, a.x.rows);
  run<cuda::Gelu>(stream_, {.op = "gelu_forward", .x = a.x, .y = a.y, .bias = a.bias, .live = a.live});
}

void CudaBackend::tanh_forward(const TanhForward& a) {
  check_live("tanh_forward", a.live, a.x.rows);
  run<cuda::Tanh>(stream_, {.op = "tanh_forward", .x = a.x, .y = a.y, .bias = a.bias, .live = a.live});
}

void CudaBackend::dropout_apply(const DropoutApply& a) {
  check_live("dropout_apply", a.live, a.x.rows);
  check_row_keys("dropout_apply", a.dropout, a.live);
  run<cuda::Same>(stream_, {.op = "dropout_apply", .x = a.x, .y = a.y, .live = a.live, .dropout = a.dropout});
}

void CudaBackend::gather_rows(const GatherRows& a) {
  check_live("gather_rows", a.live, a.y.rows);
  check_indices("gather_rows", "rows", a.rows, a.x.rows, a.live);
  run<cuda::Same>(stream_, {.op = "gather_rows", .x = a.x, .y = a.y, .tx = a.rows, .live = a.live});
}

void CudaBackend::scatter_rows(const ScatterRows& a) {
  check_live("scatter_rows", a.live, a.dy.rows);
  check_indices("scatter_rows", "rows", a.rows, a.dx.rows, a.live);
  const Map rows{.op = "scatter_rows", .x = a.dy, .y = a.dx, .ty = a.rows, .live = a.live};
  if (a.add) return run<cuda::Added>(stream_, rows);
  const size_t width = size_t(a.dx.cols) * size_of(a.dx.dtype);
  if (a.dx.contiguous()) {
    check_cuda(cudaMemsetAsync(a.dx.data, 0, a.dx.bytes(), stream_), "scatter_rows");
  } else {
    for (int64_t r = 0; r < a.dx.rows; ++r)
      check_cuda(cudaMemsetAsync(a.dx.row_range(r, 1).data, 0, width, stream_), "scatter_rows");
  }
  run<cuda::Same>(stream_, rows);
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
