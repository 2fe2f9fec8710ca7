// Launches the row loop without sums (rows/map.cuh); no other file knows its grid.
#pragma once

#include "kernels/cuda/launching.h"
#include "kernels/cuda/rows/map.cuh"

namespace encore::cuda {

template <class T, class U, class F>
cudaError_t launch_map(cudaStream_t stream, const MapArgs<T, U>& a) {
  const dim3 grid(grid_size(div_up(a.cols, kMapUnits * kUnit)), std::min(grid_size(div_up(a.rows, kMapRows)), 65535u));
  return launch(stream, {grid, kMapThreads}, map_kernel<T, U, F>, a);
}

// y[rows_y[r]] = F(x[rows_x[r]] + bias), through dropout, over the live rows; everything but x and y may be absent.
struct RowMap {
  const char* op;
  Tensor x, y, bias{}, rows_x{}, rows_y{}, live{};
  RowDropout dropout{};
};
template <class F>
void run_map(cudaStream_t stream, const RowMap& m) {
  const Tensor& shape = m.rows_x ? m.y : m.x;
  if (shape.size() == 0) return;
  dispatch_device(m.x.dtype, [&]<class T>() {
    const MapArgs<T, T> args{.x = rows_of<const T>(m.x),
                             .y = rows_of<T>(m.y),
                             .bias = rows_of<const float>(m.bias),
                             .rows_x = m.rows_x.ptr<int32_t>(),
                             .rows_y = m.rows_y.ptr<int32_t>(),
                             .live = m.live.ptr<int32_t>(),
                             .rows = shape.rows,
                             .cols = shape.cols,
                             .draws = draws_of(m.dropout)};
    check_cuda(launch_map<T, T, F>(stream, args), m.op);
  });
}

}  // namespace encore::cuda
