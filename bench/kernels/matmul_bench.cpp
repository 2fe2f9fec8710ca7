#include "bench/kernels/kernel_bench.h"

namespace encore::bench {
namespace {

struct Product {
  const char* name;
  int64_t rows, out, in;
};

std::vector<Product> products_of(const ModelShape& m, const Sizes& s) {
  return {{"qkv", s.tokens, 3 * m.hidden, m.hidden},
          {"attention_output", s.tokens, m.hidden, m.hidden},
          {"ffn_in", s.tokens, m.inner, m.hidden},
          {"ffn_out", s.tokens, m.hidden, m.inner},
          {"decoder", s.targets, s.padded_vocabulary, m.hidden}};
}

// As in training without gradient accumulation: the weight changes before each product, so no packed copy is valid.
void cases_of_matmul(Cases& cases) {
  for (const ModelShape& m : cases.sizes.models)
    for (const Product& p : products_of(m, cases.sizes))
      for (const DType t : cases.dtypes) {
        const std::string name = path({m.name, p.name, text(t)});
        cases.add("linear_forward/" + name, t, [=](Inputs& in) -> Work {
          Backend& b = in.backend;
          const LinearForward a{.x = in.normal(t, p.rows, p.in),
                                .w = in.normal(t, p.out, p.in),
                                .bias = in.vector(p.out),
                                .y = in.zero(t, p.rows, p.out)};
          return {cost_of(a), [&b, a] { linear_forward(b, a); }, [&b] { b.weights_changed(); }};
        });
        cases.add("linear_backward_input/" + name, t, [=](Inputs& in) -> Work {
          Backend& b = in.backend;
          const LinearBackwardInput a{
              .dy = in.normal(t, p.rows, p.out), .w = in.normal(t, p.out, p.in), .dx = in.zero(t, p.rows, p.in)};
          return {cost_of(a), [&b, a] { linear_backward_input(b, a); }, [&b] { b.weights_changed(); }};
        });
        cases.add("linear_backward_weight/" + name, t, [=](Inputs& in) -> Work {
          Backend& b = in.backend;
          const LinearBackwardWeight a{.dy = in.normal(t, p.rows, p.out),
                                       .x = in.normal(t, p.rows, p.in),
                                       .dw = in.zero(DType::kF32, p.out, p.in)};
          return {cost_of(a), [&b, a] { linear_backward_weight(b, a); }};
        });
      }
}

const Registration matmul(cases_of_matmul);

}  // namespace
}  // namespace encore::bench
