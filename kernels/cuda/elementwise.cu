// GELU and tanh forward, dropout, casts, gather and scatter.
#include "kernels/cuda/launch_map.h"
#include "kernels/cuda/scatter.cuh"

namespace encore {
namespace {

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
    check_cuda(cuda::launch_map<T, T, F>(stream, args), m.op);
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
  if (a.add)
    return run<cuda::Added>(stream_, {.op = "scatter_rows", .x = a.dy, .y = a.dx, .ty = a.rows, .live = a.live});
  // Each row of dx is written once: a row of dy, or zeros.
  const int64_t count = a.rows.cols;
  int32_t* const source = static_cast<int32_t*>(scratch(size_t(a.dx.rows) * sizeof(int32_t)));
  check_cuda(cudaMemsetAsync(source, 0xff, size_t(a.dx.rows) * sizeof(int32_t), stream_), "scatter_rows");
  if (count > 0)
    check_cuda(launch(stream_, {cuda::grid_size(cuda::div_up(count, cuda::kMapThreads)), cuda::kMapThreads},
                      cuda::invert_kernel, a.rows.ptr<int32_t>(), count, a.live.ptr<int32_t>(), source),
               "scatter_rows");
  run<cuda::Same>(stream_, {.op = "scatter_rows", .x = a.dy, .y = a.dx, .tx = Tensor(source, 1, a.dx.rows)});
}

void CudaBackend::cast(const Cast& a) {
  const int64_t units = cuda::div_up(a.x.cols, cuda::kUnit) * a.x.rows;
  check(units < int64_t(1) << 32, "cast: {} has more elements than the CUDA backend serves in one call", a.x.str());
  const unsigned grid = cuda::grid_size(cuda::div_up(units, cuda::kMapThreads));
  cuda::dispatch_device(a.x.dtype, [&]<class T>() {
    cuda::dispatch_device(a.y.dtype, [&]<class U>() {
      check_cuda(launch(stream_, {grid, cuda::kMapThreads}, cuda::cast_kernel<T, U>, cuda::rows_of<const T>(a.x),
                        cuda::rows_of<U>(a.y), a.x.rows, a.x.cols),
                 "cast");
    });
  });
}

}  // namespace encore
