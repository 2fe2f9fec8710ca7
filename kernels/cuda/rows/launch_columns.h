// Launches the row loop with column sums (rows/columns.cuh); no other file knows its grid and its partial sums.
#pragma once

#include "kernels/cuda/launching.h"
#include "kernels/cuda/rows/columns.cuh"

namespace encore::cuda {

// dx = F(dy, other + bias) over the live rows, and the column sums of dx in parts; everything but dy may be absent.
struct ColumnMap {
  const char* op;
  Tensor dy, other{}, bias{}, dx{}, live{};
  float* parts = nullptr;  // column_part_bytes(dy); CudaBackend::combine adds them up
};

// Blocks of at least 64 rows: then the partial sums are under 2 % of what moves (bench/kernels/cost.md, bias_gradient).
inline RowParts column_parts(int64_t rows) {
  return {rows, 64, 256};
}
inline size_t column_part_bytes(const Tensor& dy) {
  return size_t(column_parts(dy.rows).count * dy.cols) * sizeof(float);
}

template <class F>
void run_columns(cudaStream_t stream, const ColumnMap& m) {
  const RowParts blocks = column_parts(m.dy.rows);
  const dim3 grid(grid_size(div_up(m.dy.cols, kTileColumns)), grid_size(blocks.count));
  dispatch_device(m.dy.dtype, [&]<class T>() {
    const ColumnArgs<T> args{.dy = rows_of<const T>(m.dy),
                             .other = rows_of<const T>(m.other),
                             .bias = rows_of<const float>(m.bias),
                             .dx = rows_of<T>(m.dx),
                             .parts = m.parts,
                             .live = m.live.ptr<int32_t>(),
                             .rows = m.dy.rows,
                             .cols = m.dy.cols,
                             .rows_per_block = blocks.size};
    check_cuda(launch(stream, {grid, kTileThreads}, column_kernel<T, F>, args), m.op);
  });
}

}  // namespace encore::cuda
