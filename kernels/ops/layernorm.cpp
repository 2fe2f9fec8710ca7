#include "kernels/ops/layernorm.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"
#include "kernels/ops/live_rows.h"

namespace encore {

void layernorm_forward(Backend& backend, const LayerNormForward& a) {
  const Arguments args("layernorm_forward");
  const int64_t rows = a.x.rows, cols = a.x.cols;
  args.require_float(a.x, "x", -1, -1);
  args.optional(a.bias, "bias", DType::kF32, 1, cols);
  args.optional(a.residual, "residual", a.x.dtype, rows, cols);
  args.require(a.gamma, "gamma", DType::kF32, 1, cols);
  args.require(a.beta, "beta", DType::kF32, 1, cols);
  args.require(a.sum, "sum", a.x.dtype, rows, cols);
  args.require(a.y, "y", a.x.dtype, rows, cols);
  args.require(a.mean, "mean", DType::kF32, 1, rows);
  args.require(a.rstd, "rstd", DType::kF32, 1, rows);
  args.same_or_apart(a.sum, "sum", a.x, "x");
  args.apart(a.sum, "sum", a.residual, "residual");
  args.apart(a.y, "y", a.sum, "sum");
  args.apart(a.y, "y", a.residual, "residual");
  args.apart(a.y, "y", a.x, "x");
  check(a.eps > 0, "layernorm_forward: eps is {}, not above 0", a.eps);
  check_dropout(a.dropout, rows, cols);
  if (const LiveRows live(backend, args, a.live, rows); live) {
    LayerNormForward cut = a;
    live.inputs({&cut.x, &cut.residual});
    live.results({&cut.sum, &cut.y});
    live.result_lists({&cut.mean, &cut.rstd});
    live.keys(cut.dropout);
    cut.live = {};
    return layernorm_forward(backend, cut);
  }
  if (rows == 0) return;
  check(cols > 0, "layernorm_forward: x {} has no column to take a mean of", a.x.str());
  backend.layernorm_forward(a);
}

void layernorm_backward(Backend& backend, const LayerNormBackward& a) {
  const Arguments args("layernorm_backward");
  const int64_t rows = a.dy.rows, cols = a.dy.cols;
  args.require_float(a.dy, "dy", -1, -1);
  args.require(a.sum, "sum", a.dy.dtype, rows, cols);
  args.require(a.gamma, "gamma", DType::kF32, 1, cols);
  args.require(a.mean, "mean", DType::kF32, 1, rows);
  args.require(a.rstd, "rstd", DType::kF32, 1, rows);
  args.require(a.dsum, "dsum", a.dy.dtype, rows, cols);
  args.optional(a.dx, "dx", a.dy.dtype, rows, cols);
  args.require(a.dgamma, "dgamma", DType::kF32, 1, cols);
  args.require(a.dbeta, "dbeta", DType::kF32, 1, cols);
  args.optional(a.dbias, "dbias", DType::kF32, 1, cols);
  args.same_or_apart(a.dsum, "dsum", a.dy, "dy");
  args.apart(a.dsum, "dsum", a.sum, "sum");
  args.same_or_apart(a.dx, "dx", a.dsum, "dsum");
  args.same_or_apart(a.dx, "dx", a.dy, "dy");
  args.apart(a.dx, "dx", a.sum, "sum");
  check_dropout(a.dropout, rows, cols);
  if (const LiveRows live(backend, args, a.live, rows); live) {
    LayerNormBackward cut = a;
    live.inputs({&cut.dy, &cut.sum});
    live.input_lists({&cut.mean, &cut.rstd});
    live.results({&cut.dsum, &cut.dx});
    live.keys(cut.dropout);
    cut.live = {};
    return layernorm_backward(backend, cut);
  }
  if (rows == 0) return;
  check(cols > 0, "layernorm_backward: dy {} has no column", a.dy.str());
  backend.layernorm_backward(a);
}

}  // namespace encore
