#include "bench/kernels/kernel_bench.h"

namespace encore::bench {
namespace {

// The classifier's head: one row a sequence.
void cases_of_tanh(Cases& cases) {
  const int64_t rows = cases.sizes.tokens / cases.sizes.lengths.back();
  for (const ModelShape& m : cases.sizes.models)
    for (const DType t : cases.dtypes) {
      const std::string name = path({m.name, text(t)});
      cases.add("tanh_forward/" + name, t, [=](Inputs& in) -> Work {
        Backend& b = in.backend;
        const TanhForward a{
            .x = in.normal(t, rows, m.hidden), .bias = in.vector(m.hidden), .y = in.zero(t, rows, m.hidden)};
        return {cost_of(a), [&b, a] { tanh_forward(b, a); }};
      });
      cases.add("tanh_backward/" + name, t, [=](Inputs& in) -> Work {
        Backend& b = in.backend;
        const TanhBackward a{.dy = in.normal(t, rows, m.hidden),
                             .y = in.constant(0.5f, t, rows, m.hidden),
                             .dx = in.zero(t, rows, m.hidden),
                             .dbias = in.zero(DType::kF32, 1, m.hidden)};
        return {cost_of(a), [&b, a] { tanh_backward(b, a); }};
      });
    }
}

const Registration tanh(cases_of_tanh);

}  // namespace
}  // namespace encore::bench
