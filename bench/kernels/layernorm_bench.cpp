#include "bench/kernels/kernel_bench.h"

namespace encore::bench {
namespace {

// Bias, dropout, residual and LayerNorm in one pass, as after attention and after the feed-forward layer.
LayerNormForward forward_of(Inputs& in, const ModelShape& m, const Sizes& s, DType t, float p) {
  return {.x = in.normal(t, s.tokens, m.hidden),
          .bias = in.vector(m.hidden),
          .residual = in.normal(t, s.tokens, m.hidden),
          .gamma = in.vector(m.hidden),
          .beta = in.vector(m.hidden),
          .sum = in.zero(t, s.tokens, m.hidden),
          .y = in.zero(t, s.tokens, m.hidden),
          .mean = in.zero(DType::kF32, 1, s.tokens),
          .rstd = in.zero(DType::kF32, 1, s.tokens),
          .dropout = in.dropout(p, s.tokens, s.lengths.front())};
}

// LayerNorm alone, as F.layer_norm.
LayerNormForward plain_of(Inputs& in, const ModelShape& m, const Sizes& s, DType t) {
  LayerNormForward a = forward_of(in, m, s, t, 0);
  a.bias = a.residual = {};
  a.sum = a.x;
  return a;
}

LayerNormBackward backward_of(Inputs& in, const LayerNormForward& f, const Sizes& s, DType t, bool plain) {
  const int64_t hidden = f.y.cols;
  LayerNormBackward a{.dy = in.normal(t, s.tokens, hidden),
                      .sum = f.sum,
                      .gamma = f.gamma,
                      .mean = f.mean,
                      .rstd = f.rstd,
                      .dsum = in.zero(t, s.tokens, hidden),
                      .dgamma = in.zero(DType::kF32, 1, hidden),
                      .dbeta = in.zero(DType::kF32, 1, hidden),
                      .dropout = f.dropout};
  if (plain) return a;
  a.dx = in.zero(t, s.tokens, hidden);
  a.dbias = in.zero(DType::kF32, 1, hidden);
  return a;
}

void cases_of_layernorm(Cases& cases) {
  const Sizes s = cases.sizes;
  for (const ModelShape& m : s.models)
    for (const DType t : cases.dtypes) {
      const auto add = [&](const std::string& name, bool plain, const std::function<LayerNormForward(Inputs&)>& make) {
        const std::string where = path({m.name, text(t), name});
        cases.add("layernorm_forward/" + where, t, [=](Inputs& in) -> Work {
          Backend& b = in.backend;
          const LayerNormForward a = make(in);
          OpCost cost = cost_of(a);
          if (a.sum.data == a.x.data) cost.bytes -= double(a.sum.bytes());  // in place and unchanged: not written
          return {cost, [&b, a] { layernorm_forward(b, a); }};
        });
        cases.add("layernorm_backward/" + where, t, [=](Inputs& in) -> Work {
          Backend& b = in.backend;
          const LayerNormForward f = make(in);
          layernorm_forward(b, f);
          const LayerNormBackward a = backward_of(in, f, s, t, plain);
          return {cost_of(a), [&b, a] { layernorm_backward(b, a); }};
        });
      };
      add("plain", true, [=](Inputs& in) { return plain_of(in, m, s, t); });
      for (const float p : {0.0f, 0.1f})
        add("fused/" + dropout_text(p), false, [=](Inputs& in) { return forward_of(in, m, s, t, p); });
    }
}

const Registration layernorm(cases_of_layernorm);

}  // namespace
}  // namespace encore::bench
