#include "bench/kernels/kernel_bench.h"

namespace encore::bench {
namespace {

// Gathers the rows of the masked tokens out of the last layer, and scatters them back.
void cases_of_gather(Cases& cases) {
  const Sizes s = cases.sizes;
  const auto rows = [s] {
    std::vector<int32_t> all;
    for (int64_t i = 0; i < s.targets; ++i) all.push_back(int32_t(i * s.tokens / s.targets));
    return all;
  };
  for (const ModelShape& m : s.models)
    for (const DType t : cases.dtypes) {
      const std::string name = path({m.name, text(t)});
      cases.add("gather_rows/" + name, t, [=](Inputs& in) -> Work {
        Backend& b = in.backend;
        const GatherRows a{
            .x = in.normal(t, s.tokens, m.hidden), .rows = in.given(rows()), .y = in.zero(t, s.targets, m.hidden)};
        return {cost_of(a), [&b, a] { gather_rows(b, a); }};
      });
      cases.add("scatter_rows/" + name, t, [=](Inputs& in) -> Work {
        Backend& b = in.backend;
        const ScatterRows a{
            .dy = in.normal(t, s.targets, m.hidden), .rows = in.given(rows()), .dx = in.zero(t, s.tokens, m.hidden)};
        return {cost_of(a), [&b, a] { scatter_rows(b, a); }};
      });
    }
}

const Registration gather(cases_of_gather);

}  // namespace
}  // namespace encore::bench
