#include "bench/kernels/kernel_bench.h"

namespace encore::bench {
namespace {

void cases_of_dropout(Cases& cases) {
  const int64_t tokens = cases.sizes.tokens, length = cases.sizes.lengths.front();
  for (const ModelShape& m : cases.sizes.models)
    for (const DType t : cases.dtypes)
      cases.add("dropout_apply/" + path({m.name, text(t)}), t, [=](Inputs& in) -> Work {
        Backend& b = in.backend;
        const DropoutApply a{.x = in.normal(t, tokens, m.hidden),
                             .y = in.zero(t, tokens, m.hidden),
                             .dropout = in.dropout(0.1f, tokens, length)};
        return {cost_of(a), [&b, a] { dropout_apply(b, a); }};
      });
}

const Registration dropout(cases_of_dropout);

}  // namespace
}  // namespace encore::bench
