#include "kernels/ops/dropout.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"
#include "kernels/ops/live_rows.h"

namespace encore {

void check_dropout(const RowDropout& d, int64_t rows, int64_t cols) {
  check(d.p >= 0 && d.p < 1, "dropout: p is {}, not in [0, 1)", d.p);
  if (d.p == 0) return;
  check(row_dropout_threshold(d.p) < 65536, "dropout: p is {}, which drops every element once rounded to 1/65536", d.p);
  const Arguments args("dropout");
  args.require(d.rows.sequence, "row keys: sequence", DType::kI32, 1, rows);
  args.require(d.rows.position, "row keys: position", DType::kI32, 1, rows);
  args.require(d.rows.example_keys, "row keys: example_keys", DType::kU64, 1, -1);
  check(rows == 0 || d.rows.example_keys.cols > 0, "dropout: {} rows and no example key", rows);
  // 12 bits of the counter hold column / 8 (kernels/base/rng.h).
  check(cols <= 8 * 4096, "dropout: rows of {} columns are wider than the 32768 that the draws tell apart", cols);
}

void dropout_apply(Backend& backend, const DropoutApply& a) {
  const Arguments args("dropout_apply");
  args.require_float(a.x, "x", -1, -1);
  args.require(a.y, "y", a.x.dtype, a.x.rows, a.x.cols);
  args.same_or_apart(a.y, "y", a.x, "x");
  check_dropout(a.dropout, a.x.rows, a.x.cols);
  if (const LiveRows live(backend, args, a.live, a.x.rows); live) {
    DropoutApply cut = a;
    live.inputs({&cut.x});
    live.results({&cut.y});
    live.keys(cut.dropout);
    cut.live = {};
    return dropout_apply(backend, cut);
  }
  if (a.x.size() == 0) return;
  backend.dropout_apply(a);
}

}  // namespace encore
