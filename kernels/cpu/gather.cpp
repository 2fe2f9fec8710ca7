#include "kernels/ops/gather.h"

#include <cstring>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/rows.h"
#include "kernels/cpu/vec/reduce.h"

namespace encore {
namespace {

void check_rows(const Tensor& rows, int64_t limit, const char* op) {
  const int32_t* row = rows.ptr<int32_t>();
  for (int64_t r = 0; r < rows.cols; ++r)
    check(row[r] >= 0 && row[r] < limit, "{}: rows[{}] is {}, and there are {} rows", op, r, row[r], limit);
}

}  // namespace

void CpuBackend::gather_rows(const GatherRows& a) {
  check_rows(a.rows, a.x.rows, "gather_rows");
  const int32_t* rows = a.rows.ptr<int32_t>();
  const size_t bytes = size_t(a.x.cols) * size_of(a.x.dtype);
  cpu::parallel_rows(threads_, a.y.rows, a.y.cols, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) std::memcpy(cpu::row_at(a.y, r), cpu::row_at(a.x, rows[r]), bytes);
  });
}

void CpuBackend::scatter_rows(const ScatterRows& a) {
  check_rows(a.rows, a.dx.rows, "scatter_rows");
  const int32_t* rows = a.rows.ptr<int32_t>();
  const size_t bytes = size_t(a.dx.cols) * size_of(a.dx.dtype);
  if (!a.add)
    cpu::parallel_rows(threads_, a.dx.rows, a.dx.cols, [&](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; ++r) std::memset(cpu::row_at(a.dx, r), 0, bytes);
    });
  const auto add = ENCORE_VEC_CALL_FLOATS(add_row, a.dx.dtype);
  cpu::parallel_rows(threads_, a.dy.rows, a.dy.cols, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      if (a.add)
        add(cpu::row_at(a.dy, r), cpu::row_at(a.dx, rows[r]), a.dx.cols);
      else
        std::memcpy(cpu::row_at(a.dx, rows[r]), cpu::row_at(a.dy, r), bytes);
    }
  });
}

}  // namespace encore
