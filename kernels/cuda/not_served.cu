// Ops that this backend refuses so far.
#include "kernels/base/check.h"
#include "kernels/cuda/cuda_backend.h"

namespace encore {

void CudaBackend::linear_forward(const LinearForward&) {
  throw Error("linear_forward is not served by the CUDA backend yet");
}
void CudaBackend::linear_backward_input(const LinearBackwardInput&) {
  throw Error("linear_backward_input is not served by the CUDA backend yet");
}
void CudaBackend::linear_backward_weight(const LinearBackwardWeight&) {
  throw Error("linear_backward_weight is not served by the CUDA backend yet");
}

}  // namespace encore
