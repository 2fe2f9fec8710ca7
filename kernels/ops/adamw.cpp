#include "kernels/ops/adamw.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"

namespace encore {

void adamw(Backend& backend, const AdamW& a) {
  const Arguments args("adamw");
  const int64_t n = a.w.cols;
  args.require(a.w, "w", DType::kF32, 1, -1);
  args.require(a.m, "m", DType::kF32, 1, n);
  args.require(a.v, "v", DType::kF32, 1, n);
  args.require(a.gradient, "gradient", DType::kF32, 1, n);
  args.optional(a.shadow, "shadow", DType::kBF16, 1, n);
  args.require(a.scalars, "scalars", DType::kF32, 1, 4);
  args.optional(a.squares, "squares", DType::kF64, 1, 1);
  args.optional(a.loss, "loss", DType::kF64, 1, 1);
  args.optional(a.spared, "spared", DType::kI64, 1, -1);
  check(!a.spared || a.spared.cols % 2 == 0, "adamw: spared {} is not pairs of begin and end", a.spared.str());
  check(!a.squares || a.max_norm > 0, "adamw: max_norm is {}, not above 0, where squares {} are given", a.max_norm,
        a.squares.str());
  check(a.beta1 >= 0 && a.beta1 < 1 && a.beta2 >= 0 && a.beta2 < 1, "adamw: betas {} and {} are not in [0, 1)", a.beta1,
        a.beta2);
  check(a.eps >= 0 && a.weight_decay >= 0, "adamw: eps {} or weight_decay {} is negative", a.eps, a.weight_decay);
  if (n == 0) return;
  backend.adamw(a);
}

}  // namespace encore
