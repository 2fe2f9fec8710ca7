#include "kernels/ops/bag_linear.h"

#include "kernels/cpu/bags.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/vec/bag_linear.h"

namespace encore {

void CpuBackend::bag_linear_forward(const BagLinearForward& a) {
  cpu::check_lists("bag_linear_forward", a.bags, a.w.rows);
  const cpu::BagSums sums{.start = a.bags.row_start.ptr<int32_t>(),
                          .index = a.bags.column.ptr<int32_t>(),
                          .value = a.bags.value.ptr<float>(),
                          .from = cpu::vec(a.w),
                          .y = cpu::vec(a.y),
                          .bias = a.bias.ptr<float>(),
                          .cols = a.y.cols};
  cpu::parallel_runs(threads_, cpu::values(a.bags.row_start), a.y.cols, [&](int64_t begin, int64_t end) {
    ENCORE_VEC_CALL(bag_sums)(sums, begin, end);
  });
}

void CpuBackend::bag_linear_backward(const BagLinearBackward& a) {
  cpu::check_lists("bag_linear_backward", a.bags, a.dy.rows);
  const cpu::BagSums sums{.start = a.bags.word_start.ptr<int32_t>(),
                          .index = a.bags.document.ptr<int32_t>(),
                          .value = a.bags.value.ptr<float>(),
                          .from = cpu::vec(a.dy),
                          .y = cpu::vec(a.dw),
                          .bias = nullptr,
                          .cols = a.dy.cols};
  cpu::parallel_runs(threads_, cpu::values(a.bags.word_start), a.dy.cols, [&](int64_t begin, int64_t end) {
    ENCORE_VEC_CALL(bag_sums)(sums, begin, end);
  });
}

}  // namespace encore
