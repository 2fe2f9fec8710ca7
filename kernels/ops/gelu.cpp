#include "kernels/ops/gelu.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"
#include "kernels/ops/live_rows.h"

namespace encore {

void gelu_forward(Backend& backend, const GeluForward& a) {
  const Arguments args("gelu_forward");
  args.require_float(a.x, "x", -1, -1);
  args.optional(a.bias, "bias", DType::kF32, 1, a.x.cols);
  args.require(a.y, "y", a.x.dtype, a.x.rows, a.x.cols);
  args.apart(a.y, "y", a.x, "x");
  if (const LiveRows live(backend, args, a.live, a.x.rows); live) {
    GeluForward cut = a;
    live.inputs({&cut.x});
    live.results({&cut.y});
    cut.live = {};
    return gelu_forward(backend, cut);
  }
  if (a.x.size() == 0) return;
  backend.gelu_forward(a);
}

void gelu_backward(Backend& backend, const GeluBackward& a) {
  const Arguments args("gelu_backward");
  args.require_float(a.dy, "dy", -1, -1);
  args.require(a.x, "x", a.dy.dtype, a.dy.rows, a.dy.cols);
  args.optional(a.bias, "bias", DType::kF32, 1, a.dy.cols);
  args.require(a.dx, "dx", a.dy.dtype, a.dy.rows, a.dy.cols);
  args.optional(a.dbias, "dbias", DType::kF32, 1, a.dy.cols);
  args.same_or_apart(a.dx, "dx", a.dy, "dy");
  args.apart(a.dx, "dx", a.x, "x");
  if (const LiveRows live(backend, args, a.live, a.dy.rows); live) {
    GeluBackward cut = a;
    live.inputs({&cut.dy, &cut.x});
    live.results({&cut.dx});
    cut.live = {};
    return gelu_backward(backend, cut);
  }
  if (a.dy.size() == 0) return;
  backend.gelu_backward(a);
}

}  // namespace encore
