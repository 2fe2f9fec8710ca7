#include "bench/kernels/bags_of_words.h"

namespace encore::bench {
namespace {

void cases_of_bag_likelihood(Cases& cases) {
  constexpr DType t = DType::kF32;
  for (const bool training : {true, false})
    for (const int64_t documents : {64, 512}) {
      const BagsOfWords shape = BagsOfWords::of(cases.sizes, documents);
      const std::string name = path({"vampire", std::to_string(documents), training ? "training" : "evaluation"});
      cases.add("bag_likelihood/" + name, t, [=](Inputs& in) -> Work {
        Backend& b = in.backend;
        BagLikelihood a{.reconstruction = in.normal(t, shape.words, documents),
                        .background = in.vector(shape.words),
                        .bias = in.vector(shape.words),
                        .running_mean = in.vector(shape.words),
                        .running_variance = in.constant(1.f, t, 1, shape.words),
                        .log_likelihood = in.zero(t, 1, documents),
                        .dbias = in.zero(t, 1, shape.words),
                        .training = training};
        a.likelihood.scale = -1.f / float(documents);
        shape.draw(in, a.bags, a.by_word);
        return {cost_of(a), [&b, a] { bag_likelihood(b, a); }};
      });
    }
}

const Registration bag_likelihood_cases(cases_of_bag_likelihood);

}  // namespace
}  // namespace encore::bench
