#include "kernels/ops/tanh.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"
#include "kernels/ops/live_rows.h"

namespace encore {

void tanh_forward(Backend& backend, const TanhForward& a) {
  const Arguments args("tanh_forward");
  args.require_float(a.x, "x", -1, -1);
  args.optional(a.bias, "bias", DType::kF32, 1, a.x.cols);
  args.require(a.y, "y", a.x.dtype, a.x.rows, a.x.cols);
  args.same_or_apart(a.y, "y", a.x, "x");
  if (const LiveRows live(backend, args, a.live, a.x.rows); live) {
    TanhForward cut = a;
    live.inputs({&cut.x});
    live.results({&cut.y});
    cut.live = {};
    return tanh_forward(backend, cut);
  }
  if (a.x.size() == 0) return;
  backend.tanh_forward(a);
}

void tanh_backward(Backend& backend, const TanhBackward& a) {
  const Arguments args("tanh_backward");
  args.require_float(a.dy, "dy", -1, -1);
  args.require(a.y, "y", a.dy.dtype, a.dy.rows, a.dy.cols);
  args.require(a.dx, "dx", a.dy.dtype, a.dy.rows, a.dy.cols);
  args.optional(a.dbias, "dbias", DType::kF32, 1, a.dy.cols);
  args.same_or_apart(a.dx, "dx", a.dy, "dy");
  args.apart(a.dx, "dx", a.y, "y");
  if (const LiveRows live(backend, args, a.live, a.dy.rows); live) {
    TanhBackward cut = a;
    live.inputs({&cut.dy, &cut.y});
    live.results({&cut.dx});
    cut.live = {};
    return tanh_backward(backend, cut);
  }
  if (a.dy.size() == 0) return;
  backend.tanh_backward(a);
}

}  // namespace encore
