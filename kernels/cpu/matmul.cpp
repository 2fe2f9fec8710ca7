#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/gemm_memory.h"
#include "kernels/cpu/gemm_primitives.h"
#include "kernels/cpu/processor.h"

namespace encore {

namespace {

void check_served(DType dtype) {
  check(dtype != DType::kBF16 || cpu::multiplies_bf16(),
        "this processor does not multiply bf16 (AVX512_BF16 is missing); use --dtype fp32");
}

}  // namespace

void CpuBackend::linear_forward(const LinearForward& a) {
  check_served(a.x.dtype);
  if (a.y.size()) gemm_->times_weight(a.x, a.w, true, a.bias, a.y, false);
}

void CpuBackend::linear_backward_input(const LinearBackwardInput& a) {
  check_served(a.dy.dtype);
  if (a.dx.size()) gemm_->times_weight(a.dy, a.w, false, {}, a.dx, a.accumulate);
}

void CpuBackend::linear_backward_weight(const LinearBackwardWeight& a) {
  check_served(a.dy.dtype);
  if (a.dy.rows && a.dw.size()) gemm_->add_transposed_times(a.dy, a.x, a.dw);
}

LinearMemory CpuBackend::linear_memory(const LinearShape& shape) const {
  check_served(shape.dtype);
  return cpu::linear_memory(shape, threads_);
}

int64_t CpuBackend::most_kernels() const {
  return cpu::kMostPrimitives;
}

}  // namespace encore
