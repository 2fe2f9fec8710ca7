#include "kernels/cuda/rows/launch_columns.h"
#include "kernels/cuda/rows/launch_map.h"
#include "kernels/cuda/tanh.cuh"

namespace encore {

void CudaBackend::tanh_forward(const TanhForward& a) {
  constexpr const char* op = "tanh_forward";
  check_live(op, a.live, a.x.rows);
  cuda::run_map<cuda::Tanh>(stream_, {.op = op, .x = a.x, .y = a.y, .bias = a.bias, .live = a.live});
}

void CudaBackend::tanh_backward(const TanhBackward& a) {
  constexpr const char* op = "tanh_backward";
  check_live(op, a.live, a.dy.rows);
  float* const parts = a.dbias ? static_cast<float*>(scratch(cuda::column_part_bytes(a.dy))) : nullptr;
  cuda::run_columns<cuda::TanhGradient>(
      stream_, {.op = op, .dy = a.dy, .other = a.y, .dx = a.dx, .live = a.live, .parts = parts});
  if (parts) combine(op, parts, cuda::column_parts(a.dy.rows).count, a.dy.cols, {a.dbias});
}

}  // namespace encore
