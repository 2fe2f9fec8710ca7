#include "bench/kernels/kernel_bench.h"

namespace encore::bench {
namespace {

void cases_of_adamw(Cases& cases) {
  const int64_t n = cases.sizes.parameters;
  for (const bool shadow : {false, true})
    cases.add(shadow ? "adamw/fp32_with_bf16_copy" : "adamw/fp32", cases.dtypes.front(), [=](Inputs& in) -> Work {
      Backend& b = in.backend;
      AdamW a{.w = in.vector(n),
              .m = in.vector(n),
              .v = in.constant(1, DType::kF32, 1, n),
              .gradient = in.vector(n),
              .scalars = in.given(std::vector<float>{1e-4f, 1, 0.5f, 0.5f})};
      if (shadow) a.shadow = in.zero(DType::kBF16, 1, n);
      return {cost_of(a), [&b, a] { adamw(b, a); }};
    });
}

const Registration adamw_cases(cases_of_adamw);

}  // namespace
}  // namespace encore::bench
