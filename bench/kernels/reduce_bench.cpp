#include "bench/kernels/kernel_bench.h"

namespace encore::bench {
namespace {

void cases_of_reduce(Cases& cases) {
  const Sizes s = cases.sizes;
  for (const ModelShape& m : s.models)
    for (const DType t : cases.dtypes)
      cases.add("bias_gradient/" + path({m.name, text(t)}), t, [=](Inputs& in) -> Work {
        Backend& b = in.backend;
        const BiasGradient a{.dy = in.normal(t, s.tokens, 3 * m.hidden),
                             .dbias = in.zero(DType::kF32, 1, 3 * m.hidden)};
        return {cost_of(a), [&b, a] { bias_gradient(b, a); }};
      });
  cases.add("sum_of_squares/fp32", cases.dtypes.front(), [=](Inputs& in) -> Work {
    Backend& b = in.backend;
    const SumOfSquares a{.x = in.vector(s.parameters), .result = in.zero(DType::kF64, 1, 1)};
    return {cost_of(a), [&b, a] { sum_of_squares(b, a); }};
  });
}

const Registration reduce(cases_of_reduce);

}  // namespace
}  // namespace encore::bench
