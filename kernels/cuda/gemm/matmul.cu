#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/gemm/gemm.h"

namespace encore {

void CudaBackend::linear_forward(const LinearForward& a) {
  if (a.y.size()) gemm_->forward(a.x, a.w, a.bias, a.y);
}

void CudaBackend::linear_backward_input(const LinearBackwardInput& a) {
  if (a.dx.size()) gemm_->backward_input(a.dy, a.w, a.dx, a.accumulate);
}

void CudaBackend::linear_backward_weight(const LinearBackwardWeight& a) {
  if (a.dy.rows && a.dw.size()) gemm_->backward_weight(a.dy, a.x, a.dw);
}

}  // namespace encore
