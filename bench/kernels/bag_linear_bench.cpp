#include "bench/kernels/bags_of_words.h"

namespace encore::bench {
namespace {

void cases_of_bag_linear(Cases& cases) {
  constexpr DType t = DType::kF32;
  for (const int64_t documents : {64, 512}) {
    const BagsOfWords shape = BagsOfWords::of(cases.sizes, documents);
    const std::string name = path({"vampire", std::to_string(documents)});
    cases.add("bag_linear_forward/" + name, t, [=](Inputs& in) -> Work {
      Backend& b = in.backend;
      BagLinearForward a{.w = in.normal(t, shape.words, shape.kLatent),
                         .bias = in.vector(shape.kLatent),
                         .y = in.zero(t, documents, shape.kLatent)};
      BagsByWord by_word;
      shape.draw(in, a.bags, by_word);
      return {cost_of(a), [&b, a] { bag_linear_forward(b, a); }};
    });
    cases.add("bag_linear_backward/" + name, t, [=](Inputs& in) -> Work {
      Backend& b = in.backend;
      BagLinearBackward a{.dy = in.normal(t, documents, shape.kLatent), .dw = in.normal(t, shape.words, shape.kLatent)};
      Bags bags;
      shape.draw(in, bags, a.bags);
      return {cost_of(a), [&b, a] { bag_linear_backward(b, a); }};
    });
  }
}

const Registration bag_linear(cases_of_bag_linear);

}  // namespace
}  // namespace encore::bench
