#include "bench/kernels/kernel_bench.h"

namespace encore::bench {
namespace {

void cases_of_cast(Cases& cases) {
  const int64_t n = cases.sizes.parameters;
  for (const auto& [from, to] : {std::pair{DType::kF32, DType::kBF16}, std::pair{DType::kBF16, DType::kF32}})
    cases.add("cast/" + text(from) + "_to_" + text(to), cases.dtypes.front(), [=](Inputs& in) -> Work {
      Backend& b = in.backend;
      const Cast a{.x = in.normal(from, 1, n), .y = in.zero(to, 1, n)};
      return {cost_of(a), [&b, a] { cast(b, a); }};
    });
}

const Registration cast_cases(cases_of_cast);

}  // namespace
}  // namespace encore::bench
