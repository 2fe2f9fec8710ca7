#include "bench/kernels/kernel_bench.h"

namespace encore::bench {
namespace {

// VAMPIRE's encoder: 512 documents, 81 units.
void cases_of_relu(Cases& cases) {
  constexpr int64_t kDocuments = 512, kUnits = 81;
  constexpr DType t = DType::kF32;
  cases.add("relu_forward/vampire", t, [=](Inputs& in) -> Work {
    Backend& b = in.backend;
    const ReluForward a{.x = in.normal(t, kDocuments, kUnits), .y = in.zero(t, kDocuments, kUnits)};
    return {cost_of(a), [&b, a] { relu_forward(b, a); }};
  });
  cases.add("relu_backward/vampire", t, [=](Inputs& in) -> Work {
    Backend& b = in.backend;
    const ReluBackward a{.dy = in.normal(t, kDocuments, kUnits),
                         .y = in.normal(t, kDocuments, kUnits),
                         .dx = in.zero(t, kDocuments, kUnits)};
    return {cost_of(a), [&b, a] { relu_backward(b, a); }};
  });
}

const Registration relu(cases_of_relu);

}  // namespace
}  // namespace encore::bench
