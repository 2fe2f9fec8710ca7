#include "kernels/ops/relu.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"

namespace encore {

void relu_forward(Backend& backend, const ReluForward& a) {
  const Arguments args("relu_forward");
  args.require_float(a.x, "x", -1, -1);
  args.require(a.y, "y", a.x.dtype, a.x.rows, a.x.cols);
  args.same_or_apart(a.y, "y", a.x, "x");
  if (a.x.size() == 0) return;
  backend.relu_forward(a);
}

void relu_backward(Backend& backend, const ReluBackward& a) {
  const Arguments args("relu_backward");
  args.require_float(a.dy, "dy", -1, -1);
  args.require(a.y, "y", a.dy.dtype, a.dy.rows, a.dy.cols);
  args.require(a.dx, "dx", a.dy.dtype, a.dy.rows, a.dy.cols);
  args.same_or_apart(a.dx, "dx", a.dy, "dy");
  args.apart(a.dx, "dx", a.y, "y");
  if (a.dy.size() == 0) return;
  backend.relu_backward(a);
}

}  // namespace encore
