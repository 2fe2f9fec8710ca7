#include "kernels/ops/reduce.h"

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vec/reduce.h"

namespace encore {

void cpu::combine(int threads, const float* parts, int64_t count, int64_t stride, const Tensor& out) {
  constexpr int64_t kStrip = 1024;
  const int64_t n = out.cols, strips = (n + kStrip - 1) / kStrip;
  float* sums = out.ptr<float>();
  parallel_rows(threads, strips, count * kStrip, [&](int64_t begin, int64_t end, int) {
    const int64_t first = begin * kStrip, last = std::min(n, end * kStrip);
    ENCORE_VEC_CALL(add_parts)(parts + first, count, stride, sums + first, last - first);
  });
}

void CpuBackend::bias_gradient(const BiasGradient& a) {
  const int64_t cols = a.dy.cols, stride = cpu::padded(cols);
  const cpu::RowBlocks blocks(a.dy.rows);
  float* parts = scratch_of<float>(size_t(blocks.count * stride));
  const auto column_sums = ENCORE_VEC_CALL_FLOATS(column_sums, a.dy.dtype);
  cpu::parallel_blocks(threads_, blocks, cols, [&](int64_t block, int64_t begin, int64_t end, int) {
    float* part = parts + block * stride;
    std::fill_n(part, cols, 0.f);
    column_sums(cpu::vec(a.dy), cols, begin, end, part);
  });
  cpu::combine(threads_, parts, blocks.count, stride, a.dbias);
}

void CpuBackend::sum_of_squares(const SumOfSquares& a) {
  constexpr int64_t kBlock = 16384;
  const int64_t n = a.x.cols, blocks = (n + kBlock - 1) / kBlock;
  double* parts = scratch_of<double>(size_t(blocks));
  const float* x = a.x.ptr<float>();
  cpu::parallel_rows(threads_, blocks, kBlock, [&](int64_t begin, int64_t end, int) {
    for (int64_t b = begin; b < end; ++b)
      parts[b] = ENCORE_VEC_CALL(sum_of_squares)(x + b * kBlock, std::min(kBlock, n - b * kBlock));
  });
  double total = 0;
  for (int64_t b = 0; b < blocks; ++b) total += parts[b];
  *a.result.ptr<double>() += total;
}

}  // namespace encore
