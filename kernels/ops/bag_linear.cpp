#include "kernels/ops/bag_linear.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"

namespace encore {

void bag_linear_forward(Backend& backend, const BagLinearForward& a) {
  const Arguments args("bag_linear_forward");
  args.require(a.y, "y", DType::kF32, -1, -1);
  args.require(a.w, "w", DType::kF32, -1, a.y.cols);
  args.require(a.bias, "bias", DType::kF32, 1, a.y.cols);
  check_shapes(args, a.bags, a.y.rows);
  args.apart(a.y, "y", a.w, "w");
  if (a.y.size() == 0) return;
  backend.bag_linear_forward(a);
}

void bag_linear_backward(Backend& backend, const BagLinearBackward& a) {
  const Arguments args("bag_linear_backward");
  args.require(a.dw, "dw", DType::kF32, -1, -1);
  args.require(a.dy, "dy", DType::kF32, -1, a.dw.cols);
  check_shapes(args, a.bags, a.dw.rows);
  args.apart(a.dw, "dw", a.dy, "dy");
  if (a.dw.size() == 0) return;
  backend.bag_linear_backward(a);
}

}  // namespace encore
