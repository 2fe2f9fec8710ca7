#include "kernels/ops/gelu.h"

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vec/gelu.h"

namespace encore {

void CpuBackend::gelu_forward(const GeluForward& a) {
  const cpu::GeluRows rows{{}, cpu::vec(a.x), cpu::vec(a.y), a.bias.ptr<float>(), a.x.cols};
  const auto forward = ENCORE_VEC_CALL_FLOATS(gelu_forward, a.x.dtype);
  cpu::parallel_rows(threads_, a.x.rows, a.x.cols, [&](int64_t begin, int64_t end, int) { forward(rows, begin, end); });
}

void CpuBackend::gelu_backward(const GeluBackward& a) {
  const int64_t cols = a.dy.cols, stride = cpu::padded(cols);
  const cpu::GeluRows rows{cpu::vec(a.dy), cpu::vec(a.x), cpu::vec(a.dx), a.bias.ptr<float>(), cols};
  const auto backward = ENCORE_VEC_CALL_FLOATS(gelu_backward, a.dy.dtype);
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
