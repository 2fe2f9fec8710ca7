#include "kernels/ops/reduce.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"
#include "kernels/ops/live_rows.h"

namespace encore {

void bias_gradient(Backend& backend, const BiasGradient& a) {
  const Arguments args("bias_gradient");
  args.require_float(a.dy, "dy", -1, -1);
  args.require(a.dbias, "dbias", DType::kF32, 1, a.dy.cols);
  if (const LiveRows live(backend, args, a.live, a.dy.rows); live) {
    BiasGradient cut = a;
    live.inputs({&cut.dy});
    cut.live = {};
    return bias_gradient(backend, cut);
  }
  if (a.dy.size() == 0) return;
  backend.bias_gradient(a);
}

void sum_of_squares(Backend& backend, const SumOfSquares& a) {
  const Arguments args("sum_of_squares");
  args.require(a.x, "x", DType::kF32, 1, -1);
  args.require(a.result, "result", DType::kF64, 1, 1);
  if (a.x.size() == 0) return;
  backend.sum_of_squares(a);
}

}  // namespace encore
