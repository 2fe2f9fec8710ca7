#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rows/launch_columns.h"

namespace encore {

void CudaBackend::bias_gradient(const BiasGradient& a) {
  constexpr const char* op = "bias_gradient";
  check_live(op, a.live, a.dy.rows);
  float* const parts = static_cast<float*>(scratch(cuda::column_part_bytes(a.dy)));
  cuda::run_columns<cuda::IdentityGradient>(stream_, {.op = op, .dy = a.dy, .live = a.live, .parts = parts});
  combine(op, parts, cuda::column_parts(a.dy.rows).count, a.dy.cols, {a.dbias});
}

void CudaBackend::sum_of_squares(const SumOfSquares& a) {
  constexpr const char* op = "sum_of_squares";
  const int64_t blocks = std::min(cuda::div_up(a.x.cols, cuda::kSquaresPiece), cuda::kSquaresBlocks);
  double* const parts = static_cast<double*>(scratch(size_t(blocks) * sizeof(double)));
  check_cuda(launch(stream_, {cuda::grid_size(blocks), cuda::kReduceThreads}, cuda::squares_kernel, a.x.ptr<float>(),
                    a.x.cols, cuda::rows_of<const float>(a.x).wide, parts),
             op);
  check_cuda(
      launch(stream_, {1, cuda::kReduceThreads}, cuda::add_parts_kernel, parts, int(blocks), a.result.ptr<double>()),
      op);
}

}  // namespace encore
