#include "kernels/ops/matmul.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"

namespace encore {

void linear_forward(Backend& backend, const LinearForward& a) {
  const Arguments args("linear_forward");
  const int64_t m = a.x.rows, k = a.x.cols, n = a.w.rows;
  args.require_float(a.x, "x", -1, -1);
  args.require(a.w, "w", a.x.dtype, -1, k);
  args.optional(a.bias, "bias", DType::kF32, 1, n);
  args.require(a.y, "y", a.x.dtype, m, n);
  args.apart(a.y, "y", a.x, "x");
  args.apart(a.y, "y", a.w, "w");
  if (m == 0 || n == 0) return;
  check(k > 0, "linear_forward: x {} has no column", a.x.str());
  backend.linear_forward(a);
}

void linear_backward_input(Backend& backend, const LinearBackwardInput& a) {
  const Arguments args("linear_backward_input");
  const int64_t m = a.dy.rows, n = a.dy.cols, k = a.w.cols;
  args.require_float(a.dy, "dy", -1, -1);
  args.require(a.w, "w", a.dy.dtype, n, -1);
  args.require(a.dx, "dx", a.dy.dtype, m, k);
  args.apart(a.dx, "dx", a.dy, "dy");
  args.apart(a.dx, "dx", a.w, "w");
  if (m == 0 || k == 0) return;
  check(n > 0, "linear_backward_input: dy {} has no column", a.dy.str());
  backend.linear_backward_input(a);
}

void linear_backward_weight(Backend& backend, const LinearBackwardWeight& a) {
  const Arguments args("linear_backward_weight");
  const int64_t m = a.dy.rows, n = a.dy.cols, k = a.x.cols;
  args.require_float(a.dy, "dy", -1, -1);
  args.require(a.x, "x", a.dy.dtype, m, -1);
  args.require(a.dw, "dw", DType::kF32, n, k);
  if (m == 0 || n == 0 || k == 0) return;
  backend.linear_backward_weight(a);
}

}  // namespace encore
