#include "kernels/ops/gather.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"

namespace encore {

void gather_rows(Backend& backend, const GatherRows& a) {
  const Arguments args("gather_rows");
  args.require_float(a.x, "x", -1, -1);
  args.require(a.y, "y", a.x.dtype, -1, a.x.cols);
  args.require(a.rows, "rows", DType::kI32, 1, a.y.rows);
  args.apart(a.y, "y", a.x, "x");
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
  // Without rows, dx still becomes 0 unless rows are added.
  if (a.dx.size() == 0 || (a.add && a.dy.rows == 0)) return;
  backend.scatter_rows(a);
}

}  // namespace encore
