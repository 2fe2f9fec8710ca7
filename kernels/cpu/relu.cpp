#include "kernels/ops/relu.h"

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vec/relu.h"

namespace encore {

void CpuBackend::relu_forward(const ReluForward& a) {
  const auto forward = ENCORE_VEC_CALL_FLOATS(relu_forward, a.x.dtype);
  cpu::parallel_rows(threads_, a.x.rows, a.x.cols, [&](int64_t begin, int64_t end, int) {
    forward(cpu::vec(a.x), cpu::vec(a.y), a.x.cols, begin, end);
  });
}

void CpuBackend::relu_backward(const ReluBackward& a) {
  const auto backward = ENCORE_VEC_CALL_FLOATS(relu_backward, a.dy.dtype);
  cpu::parallel_rows(threads_, a.dy.rows, a.dy.cols, [&](int64_t begin, int64_t end, int) {
    backward(cpu::vec(a.dy), cpu::vec(a.y), cpu::vec(a.dx), a.dy.cols, begin, end);
  });
}

}  // namespace encore
