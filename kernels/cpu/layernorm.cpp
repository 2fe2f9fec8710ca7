#include "kernels/ops/layernorm.h"

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vec/layernorm.h"

namespace encore {

void CpuBackend::layernorm_forward(const LayerNormForward& a) {
  cpu::check_row_keys(a.dropout, "layernorm_forward");
  const int64_t cols = a.x.cols, stride = cpu::padded(cols);
  const cpu::LayerNormForwardRows rows{cpu::vec(a.x),       cpu::vec(a.residual),
                                       cpu::vec(a.sum),     cpu::vec(a.y),
                                       a.bias.ptr<float>(), a.gamma.ptr<float>(),
                                       a.beta.ptr<float>(), a.mean.ptr<float>(),
                                       a.rstd.ptr<float>(), a.eps,
                                       cpu::vec(a.dropout), cols};
  const auto forward = ENCORE_VEC_CALL_FLOATS(layernorm_forward, a.x.dtype);
  float* room = scratch_of<float>(size_t(threads_ * stride));
  cpu::parallel_rows(threads_, a.x.rows, cols, [&](int64_t begin, int64_t end, int thread) {
    forward(rows, begin, end, room + thread * stride);
  });
}

void CpuBackend::layernorm_backward(const LayerNormBackward& a) {
  cpu::check_row_keys(a.dropout, "layernorm_backward");
  const int64_t cols = a.dy.cols, stride = cpu::padded(cols), sums = a.dbias ? 3 : 2;
  const cpu::LayerNormBackwardRows rows{cpu::vec(a.dy),      cpu::vec(a.sum),      cpu::vec(a.dsum),
                                        cpu::vec(a.dx),      a.gamma.ptr<float>(), a.mean.ptr<float>(),
                                        a.rstd.ptr<float>(), cpu::vec(a.dropout),  cols};
  const auto backward = ENCORE_VEC_CALL_FLOATS(layernorm_backward, a.dy.dtype);
  const cpu::RowBlocks blocks(a.dy.rows);
  float* parts = scratch_of<float>(size_t(blocks.count * sums * stride));
  cpu::parallel_blocks(threads_, blocks, cols, [&](int64_t block, int64_t begin, int64_t end, int) {
    float* part = parts + block * sums * stride;
    std::fill_n(part, sums * stride, 0.f);
    backward(rows, begin, end, part, part + stride, a.dbias ? part + 2 * stride : nullptr);
  });
  cpu::combine(threads_, parts, blocks.count, sums * stride, a.dgamma);
  cpu::combine(threads_, parts + stride, blocks.count, sums * stride, a.dbeta);
  if (a.dbias) cpu::combine(threads_, parts + 2 * stride, blocks.count, sums * stride, a.dbias);
}

}  // namespace encore
