#include "kernels/ops/gather.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"
#include "kernels/ops/live_rows.h"

namespace encore {

void gather_rows(Backend& backend, const GatherRows& a) {
  const Arguments args("gather_rows");
  args.require_float(a.x, "x", -1, -1);
  args.require(a.y, "y", a.x.dtype, -1, a.x.cols);
  args.require(a.rows, "rows", DType::kI32, 1, a.y.rows);
  args.apart(a.y, "y", a.x, "x");
  if (const LiveRows live(backend, args, a.live, a.y.rows); live) {
    GatherRows cut = a;
    live.results({&cut.y});
    live.input_lists({&cut.rows});
    cut.live = {};
    return gather_rows(backend, cut);
  }
  if (a.y.size() == 0) return;
  check(a.x.rows > 0, "gather_rows: {} rows are wanted of x {}", a.y.rows, a.x.str());
  backend.gather_rows(a);
}

void scatter_rows(Backend& backend, const ScatterRows& a) {
  const Arguments args("scatter_rows");
  args.require_float(a.dx, "dx", -1, -1);
  args.require(a.dy, "dy", a.dx.dtype, -1, a.dx.cols);
  args.require(a.rows, "rows", DType::kI32, 1, a.dy.rows);
  args.apart(a.dx, "dx", a.dy, "dy");
  check(a.dy.rows <= a.dx.rows, "scatter_rows: dy {} has more rows than dx {}", a.dy.str(), a.dx.str());
  if (const LiveRows live(backend, args, a.live, a.dy.rows); live) {
    ScatterRows cut = a;
    live.inputs({&cut.dy});
    live.input_lists({&cut.rows});
    cut.live = {};
    return scatter_rows(backend, cut);
  }
  // Without rows dx still has to be zeroed, unless `add`.
  if (a.dx.size() == 0 || (a.add && a.dy.rows == 0)) return;
  backend.scatter_rows(a);
}

}  // namespace encore
