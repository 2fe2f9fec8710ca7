#include "bench/kernels/kernel_bench.h"

namespace encore::bench {
namespace {

void cases_of_gelu(Cases& cases) {
  const int64_t tokens = cases.sizes.tokens;
  for (const ModelShape& m : cases.sizes.models)
    for (const DType t : cases.dtypes) {
      const std::string name = path({m.name, text(t)});
      cases.add("gelu_forward/" + name, t, [=](Inputs& in) -> Work {
        Backend& b = in.backend;
        const GeluForward a{
            .x = in.normal(t, tokens, m.inner), .bias = in.vector(m.inner), .y = in.zero(t, tokens, m.inner)};
        return {cost_of(a), [&b, a] { gelu_forward(b, a); }};
      });
      cases.add("gelu_backward/" + name, t, [=](Inputs& in) -> Work {
        Backend& b = in.backend;
        const GeluBackward a{.dy = in.normal(t, tokens, m.inner),
                             .x = in.normal(t, tokens, m.inner),
                             .bias = in.vector(m.inner),
                             .dx = in.zero(t, tokens, m.inner),
                             .dbias = in.zero(DType::kF32, 1, m.inner)};
        return {cost_of(a), [&b, a] { gelu_backward(b, a); }};
      });
    }
}

const Registration gelu(cases_of_gelu);

}  // namespace
}  // namespace encore::bench
