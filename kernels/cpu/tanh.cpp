#include "kernels/ops/tanh.h"

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vec/tanh.h"

namespace encore {

void CpuBackend::tanh_forward(const TanhForward& a) {
  const cpu::TanhRows rows{cpu::vec(a.x), cpu::vec(a.y), {}, a.bias.ptr<float>(), a.x.cols};
  const auto forward = ENCORE_VEC_CALL_FLOATS(tanh_forward, a.x.dtype);
  cpu::parallel_rows(threads_, a.x.rows, a.x.cols, [&](int64_t begin, int64_t end, int) { forward(rows, begin, end); });
}

void CpuBackend::tanh_backward(const TanhBackward& a) {
  const int64_t cols = a.dy.cols, stride = cpu::padded(cols);
  const cpu::TanhRows rows{cpu::vec(a.dy), cpu::vec(a.y), cpu::vec(a.dx), nullptr, cols};
  const auto backward = ENCORE_VEC_CALL_FLOATS(tanh_backward, a.dy.dtype);
  const cpu::RowBlocks blocks(a.dy.rows);
  float* parts = a.dbias ? scratch_of<float>(size_t(blocks.count * stride)) : nullptr;
  cpu::parallel_blocks(threads_, blocks, cols, [&](int64_t block, int64_t begin, int64_t end, int) {
    float* dbias = parts ? parts + block * stride : nullptr;
    if (dbias) std::fill_n(dbias, cols, 0.f);
    backward(rows, begin, end, dbias);
  });
  if (parts) cpu::combine(threads_, parts, blocks.count, stride, a.dbias);
}

}  // namespace encore
