#include "kernels/ops/dropout.h"

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vec/dropout.h"

namespace encore {

void CpuBackend::dropout_apply(const DropoutApply& a) {
  const cpu::VecDropout d = cpu::vec(a.dropout);
  if (d.threshold == 0) {
    if (a.y.data != a.x.data) cast({a.x, a.y});
    return;
  }
  cpu::check_row_keys(a.dropout, "dropout_apply");
  const auto apply = ENCORE_VEC_CALL_FLOATS(dropout, a.x.dtype);
  cpu::parallel_rows(threads_, a.x.rows, a.x.cols, [&](int64_t begin, int64_t end, int) {
    apply(cpu::vec(a.x), cpu::vec(a.y), d, a.x.cols, begin, end);
  });
}

}  // namespace encore
