#include <cmath>

#include "bench/kernels/kernel_bench.h"

namespace encore::bench {
namespace {

// Queries, keys and values are column ranges of one matrix, as in the model.
struct Problem {
  Problem(Inputs& in, const ModelShape& m, int64_t tokens, int64_t length, DType t, float p) {
    const Tensor qkv = in.normal(t, tokens, 3 * m.hidden), dqkv = in.zero(t, tokens, 3 * m.hidden);
    const auto part = [&](const Tensor& all, int i) { return all.col_range(i * m.hidden, m.hidden); };
    forward = {.q = part(qkv, 0),
               .k = part(qkv, 1),
               .v = part(qkv, 2),
               .out = in.zero(t, tokens, m.hidden),
               .lse = in.zero(DType::kF32, m.heads, tokens)};
    const int head_size = int(m.hidden / m.heads);
    forward.shape = {.heads = m.heads,
                     .head_size = head_size,
                     .scale = 1 / std::sqrt(float(head_size)),
                     .cu_seqlens = in.starts(tokens, length)};
    forward.dropout.p = p;
    forward.dropout.example_keys = in.example_keys(tokens / length);
    backward = {.dout = in.normal(t, tokens, m.hidden),
                .q = forward.q,
                .k = forward.k,
                .v = forward.v,
                .out = forward.out,
                .lse = forward.lse,
                .dq = part(dqkv, 0),
                .dk = part(dqkv, 1),
                .dv = part(dqkv, 2),
                .shape = forward.shape,
                .dropout = forward.dropout};
  }
  AttentionForward forward;
  AttentionBackward backward;
};

void cases_of_attention(Cases& cases) {
  for (const ModelShape& m : cases.sizes.models)
    for (const int64_t length : cases.sizes.lengths)
      for (const DType t : cases.dtypes)
        for (const float p : {0.0f, 0.1f}) {
          const std::string name = path({m.name, std::to_string(length), text(t), dropout_text(p)});
          const int64_t tokens = cases.sizes.tokens;
          cases.add("attention_forward/" + name, t, [=](Inputs& in) -> Work {
            const Problem a(in, m, tokens, length, t, p);
            Backend& b = in.backend;
            return {cost_of(a.forward, b), [&b, a] { attention_forward(b, a.forward); }};
          });
          cases.add("attention_backward/" + name, t, [=](Inputs& in) -> Work {
            const Problem a(in, m, tokens, length, t, p);
            Backend& b = in.backend;
            attention_forward(b, a.forward);
            return {cost_of(a.backward, b), [&b, a] { attention_backward(b, a.backward); }};
          });
        }
}

const Registration attention(cases_of_attention);

}  // namespace
}  // namespace encore::bench
