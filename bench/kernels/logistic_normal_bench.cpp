#include "bench/kernels/bags_of_words.h"

namespace encore::bench {
namespace {

void cases_of_logistic_normal(Cases& cases) {
  constexpr DType t = DType::kF32;
  constexpr int64_t kLatent = BagsOfWords::kLatent;
  const auto forward_of = [=](Inputs& in, int64_t documents) -> LogisticNormalForward {
    return {.mean = in.normal(t, documents, kLatent),
            .log_variance = in.normal(t, documents, kLatent),
            .theta = in.zero(t, documents, kLatent),
            .negative_kld = in.zero(t, 1, documents),
            .draws = {.dropout = 0.49f, .seed = 1, .document_keys = in.example_keys(documents)}};
  };
  for (const int64_t documents : {64, 512}) {
    const std::string name = path({"vampire", std::to_string(documents)});
    cases.add("logistic_normal_forward/" + name, t, [=](Inputs& in) -> Work {
      Backend& b = in.backend;
      const LogisticNormalForward a = forward_of(in, documents);
      return {cost_of(a), [&b, a] { logistic_normal_forward(b, a); }};
    });
    cases.add("logistic_normal_backward/" + name, t, [=](Inputs& in) -> Work {
      Backend& b = in.backend;
      const LogisticNormalBackward a{.forward = forward_of(in, documents),
                                     .dtheta = in.normal(t, documents, kLatent),
                                     .dmean = in.zero(t, documents, kLatent),
                                     .dlog_variance = in.zero(t, documents, kLatent)};
      return {cost_of(a), [&b, a] { logistic_normal_backward(b, a); }};
    });
  }
}

const Registration logistic_normal(cases_of_logistic_normal);

}  // namespace
}  // namespace encore::bench
