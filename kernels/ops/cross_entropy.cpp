#include "kernels/ops/cross_entropy.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"
#include "kernels/ops/live_rows.h"

namespace encore {

void cross_entropy(Backend& backend, const CrossEntropy& a) {
  const Arguments args("cross_entropy");
  const int64_t rows = a.logits.rows;
  args.require_float(a.logits, "logits", -1, -1);
  check(a.classes >= 1 && a.classes <= a.logits.cols, "cross_entropy: {} classes do not fit logits {}", a.classes,
        a.logits.str());
  args.optional(a.bias, "bias", DType::kF32, 1, a.classes);
  args.require(a.labels, "labels", DType::kI32, 1, rows);
  if (!a.loss_only) args.require(a.grad_scale, "grad_scale", DType::kF32, 1, 1);
  args.require(a.row_loss, "row_loss", DType::kF32, 1, rows);
  args.require(a.loss_sum, "loss_sum", DType::kF64, 1, 1);
  args.optional(a.correct, "correct", DType::kI64, 1, 1);
  args.optional(a.dbias, "dbias", DType::kF32, 1, a.classes);
  check(!a.loss_only || !a.dbias, "cross_entropy: loss_only leaves no gradient for dbias {}", a.dbias.str());
  if (const LiveRows live(backend, args, a.live, rows); live) {
    CrossEntropy cut = a;
    a.loss_only ? live.inputs({&cut.logits}) : live.results({&cut.logits});
    live.input_lists({&cut.labels});
    live.result_lists({&cut.row_loss});
    cut.live = {};
    return cross_entropy(backend, cut);
  }
  if (rows == 0) return;
  backend.cross_entropy(a);
}

}  // namespace encore
