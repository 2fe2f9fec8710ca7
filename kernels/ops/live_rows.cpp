#include "kernels/ops/live_rows.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"

namespace encore {

LiveRows::LiveRows(Backend& backend, const Arguments& args, const Tensor& live, int64_t rows) : backend_(backend) {
  args.optional(live, "live", DType::kI32, 1, 1);
  cut_ = live && !backend.reads_live_rows();
  if (!cut_) return;
  int32_t count = 0;
  backend.copy_to_host(&count, live.data, sizeof count);
  check(count >= 0 && count <= rows, "{}: live is {}, and there are {} rows", args.op(), count, rows);
  count_ = count;
}

void LiveRows::inputs(std::initializer_list<Tensor*> matrices) const {
  for (Tensor* t : matrices)
    if (*t) t->rows = count_;
}

void LiveRows::input_lists(std::initializer_list<Tensor*> lists) const {
  for (Tensor* t : lists)
    if (*t) t->cols = count_;
}

void LiveRows::results(std::initializer_list<Tensor*> matrices) const {
  for (Tensor* t : matrices)
    for (int64_t r = count_; *t && r < t->rows; ++r)
      backend_.fill_zero(t->row_range(r, 1).data, size_t(t->cols) * size_of(t->dtype));
  inputs(matrices);
}

void LiveRows::result_lists(std::initializer_list<Tensor*> lists) const {
  for (Tensor* t : lists)
    if (*t && t->cols > count_)
      backend_.fill_zero(t->col_range(count_, 0).data, size_t(t->cols - count_) * size_of(t->dtype));
  input_lists(lists);
}

void LiveRows::keys(RowDropout& d) const {
  if (d.p > 0) input_lists({&d.rows.sequence, &d.rows.position});
}

}  // namespace encore
