#include "kernels/cuda/gather.cuh"
#include "kernels/cuda/rows/launch_map.h"

namespace encore {

void CudaBackend::gather_rows(const GatherRows& a) {
  constexpr const char* op = "gather_rows";
  check_live(op, a.live, a.y.rows);
  check_indices(op, "rows", a.rows, a.x.rows, a.live);
  cuda::run_map<cuda::Identity>(stream_, {.op = op, .x = a.x, .y = a.y, .rows_x = a.rows, .live = a.live});
}

void CudaBackend::scatter_rows(const ScatterRows& a) {
  constexpr const char* op = "scatter_rows";
  check_live(op, a.live, a.dy.rows);
  check_indices(op, "rows", a.rows, a.dx.rows, a.live);
  if (a.add)
    return cuda::run_map<cuda::Added>(stream_, {.op = op, .x = a.dy, .y = a.dx, .rows_y = a.rows, .live = a.live});
  // Each row of dx is written once: a row of dy, or zeros where `source` stays -1.
  const int64_t count = a.rows.cols;
  int32_t* const source = static_cast<int32_t*>(scratch(size_t(a.dx.rows) * sizeof(int32_t)));
  check_cuda(cudaMemsetAsync(source, 0xff, size_t(a.dx.rows) * sizeof(int32_t), stream_), op);
  if (count > 0) {
    const unsigned grid = cuda::grid_size(cuda::div_up(count, cuda::kMapThreads));
    check_cuda(launch(stream_, {grid, cuda::kMapThreads}, cuda::invert_kernel, a.rows.ptr<int32_t>(), count,
                      a.live.ptr<int32_t>(), source),
               op);
  }
  cuda::run_map<cuda::Identity>(stream_, {.op = op, .x = a.dy, .y = a.dx, .rows_x = Tensor(source, 1, a.dx.rows)});
}

}  // namespace encore
