#include "kernels/cuda/gelu.cuh"
#include "kernels/cuda/rows/launch_columns.h"
#include "kernels/cuda/rows/launch_map.h"

namespace encore {

void CudaBackend::gelu_forward(const GeluForward& a) {
  constexpr const char* op = "gelu_forward";
  check_live(op, a.live, a.x.rows);
  cuda::run_map<cuda::Gelu>(stream_, {.op = op, .x = a.x, .y = a.y, .bias = a.bias, .live = a.live});
}

void CudaBackend::gelu_backward(const GeluBackward& a) {
  constexpr const char* op = "gelu_backward";
  check_live(op, a.live, a.dy.rows);
  float* const parts = a.dbias ? static_cast<float*>(scratch(cuda::column_part_bytes(a.dy))) : nullptr;
  cuda::run_columns<cuda::GeluGradient>(
      stream_, {.op = op, .dy = a.dy, .other = a.x, .bias = a.bias, .dx = a.dx, .live = a.live, .parts = parts});
  if (parts) combine(op, parts, cuda::column_parts(a.dy.rows).count, a.dy.cols, {a.dbias});
}

}  // namespace encore
