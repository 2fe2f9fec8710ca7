#include "model/self_attention.h"

#include <cmath>

namespace encore {
namespace {

// Columns of a tensor that may be measured only: then it has no memory to point into.
Tensor columns(const Tensor& t, int64_t first, int64_t count) {
  return t ? t.col_range(first, count) : Tensor(nullptr, t.dtype, t.rows, count);
}

}  // namespace

SelfAttention::SelfAttention(const EncoderConfig& c, ParamStore& params, const std::string& prefix, int layer)
    : params_(params),
      hidden_(c.hidden_size),
      heads_(int(c.num_attention_heads)),
      head_size_(int(c.head_size())),
      layer_(layer),
      eps_(c.layer_norm_eps),
      hidden_dropout_(c.hidden_dropout_prob),
      probability_dropout_(c.attention_probs_dropout_prob) {
  const int64_t h = hidden_;
  const auto weight = [&](const char* name, bool joined) -> NewParameter {
    return {.name = prefix + name, .shape = {h, h}, .init = Init::kNormal, .decay = true, .joined = joined};
  };
  const auto bias = [&](const char* name, bool joined) -> NewParameter {
    return {.name = prefix + name, .shape = {h}, .joined = joined};
  };
  weight_ = params.add(weight(".self.query.weight", false));
  params.add(weight(".self.key.weight", true));
  params.add(weight(".self.value.weight", true));
  bias_ = params.add(bias(".self.query.bias", false));
  params.add(bias(".self.key.bias", true));
  params.add(bias(".self.value.bias", true));
  output_ = params.add_dense(prefix + ".output.dense", h, h);
  norm_ = params.add_norm(prefix + ".output.LayerNorm", h);
}

SelfAttention::Saved SelfAttention::plan(Arena& arena, const LayerRows& rows) const {
  const DType dtype = params_.compute_dtype();
  const int64_t t = rows.tokens, r = rows.queries, h = hidden_;
  Saved s;
  s.projected = arena.take("attention: query, key, value", dtype, t, rows.subset ? 2 * h : 3 * h);
  if (rows.subset) {
    s.q = arena.take("attention: query", dtype, r, h);
    s.x_read = arena.take("attention: read rows", dtype, r, h);
  } else {
    s.q = columns(s.projected, 0, h);
  }
  s.k = columns(s.projected, rows.subset ? 0 : h, h);
  s.v = columns(s.projected, rows.subset ? h : 2 * h, h);
  s.out = arena.take("attention: output", dtype, r, h);
  s.lse = arena.take("attention: lse", DType::kF32, heads_, r);
  s.sum = arena.take("attention: sum", dtype, r, h);
  s.y = arena.take("attention: normalised", dtype, r, h);
  s.mean = arena.take("attention: mean", DType::kF32, 1, r);
  s.rstd = arena.take("attention: rstd", DType::kF32, 1, r);
  return s;
}

SelfAttention::BackwardScratch SelfAttention::take_scratch(Arena& scratch, const LayerRows& rows, DType dtype,
                                                           bool dropout) const {
  BackwardScratch s;
  if (dropout) s.dprojection = scratch.take("attention: d projection", dtype, rows.queries, hidden_);
  s.dout = scratch.take("attention: d output", dtype, rows.queries, hidden_);
  s.dprojected =
      scratch.take("attention: d query, key, value", dtype, rows.tokens, rows.subset ? 2 * hidden_ : 3 * hidden_);
  if (rows.subset) s.dq = scratch.take("attention: d query", dtype, rows.queries, hidden_);
  return s;
}

void SelfAttention::plan_backward_scratch(Arena& scratch, const LayerRows& rows, DType dtype) const {
  const ScratchScope scope(scratch);
  take_scratch(scratch, rows, dtype, hidden_dropout_ > 0);
}

AttentionShape SelfAttention::shape(Step& step, const Saved& saved) const {
  AttentionShape s{.heads = heads_,
                   .head_size = head_size_,
                   .scale = 1.0f / std::sqrt(float(head_size_)),
                   .cu_seqlens = step.batch.cu_seqlens,
                   .spare_rows = bool(step.batch.live)};
  if (saved.x_read) {
    s.cu_seqlens_q = step.batch.read_cu_seqlens;
    s.q_position = step.batch.read_keys.position;
  }
  return s;
}

AttentionDropout SelfAttention::attention_dropout(Step& step) const {
  if (step.p(probability_dropout_) == 0) return {};
  return {.p = probability_dropout_,
          .seed = step.seed,
          .layer = uint32_t(layer_),
          .example_keys = step.batch.rows.example_keys};
}

RowDropout SelfAttention::output_dropout(Step& step, const Saved& saved) const {
  return step.row_dropout(hidden_dropout_, layer_, Site::kAttentionOutput,
                          saved.x_read ? step.batch.read_keys : step.batch.rows);
}

void SelfAttention::forward(Step& step, const Saved& s, Tensor x) const {
  Backend& backend = step.backend;
  const Tensor weight = params_.compute_joined(weight_, 3), bias = params_.weight_joined(bias_, 3);
  if (s.x_read) {
    const int64_t h = hidden_;
    linear_forward(backend,
                   {.x = x, .w = weight.row_range(h, 2 * h), .bias = bias.col_range(h, 2 * h), .y = s.projected});
    gather_rows(backend, {.x = x, .rows = step.batch.read_rows, .y = s.x_read, .live = step.live(true)});
    linear_forward(backend, {.x = s.x_read, .w = weight.row_range(0, h), .bias = bias.col_range(0, h), .y = s.q});
  } else {
    linear_forward(backend, {.x = x, .w = weight, .bias = bias, .y = s.projected});
  }
  attention_forward(backend, {.q = s.q,
                              .k = s.k,
                              .v = s.v,
                              .out = s.out,
                              .lse = s.lse,
                              .shape = shape(step, s),
                              .dropout = attention_dropout(step)});
  linear_forward(backend, {.x = s.out, .w = params_.compute(output_.weight), .y = s.sum});
  layernorm_forward(backend, {.x = s.sum,
                              .bias = params_.weight(output_.bias),
                              .residual = s.x_read ? s.x_read : x,
                              .gamma = params_.weight(norm_.gamma),
                              .beta = params_.weight(norm_.beta),
                              .sum = s.sum,
                              .y = s.y,
                              .mean = s.mean,
                              .rstd = s.rstd,
                              .live = step.live(bool(s.x_read)),
                              .eps = eps_,
                              .dropout = output_dropout(step, s)});
}

void SelfAttention::backward(Step& step, const Saved& s, Tensor x, Tensor dy, Tensor dx) const {
  Backend& backend = step.backend;
  const ScratchScope scope(step.scratch);
  const RowDropout dropout = output_dropout(step, s);
  const LayerRows rows{.tokens = x.rows, .queries = s.out.rows, .subset = bool(s.x_read)};
  BackwardScratch d = take_scratch(step.scratch, rows, x.dtype, dropout.p > 0);
  if (dropout.p == 0) d.dprojection = dy;

  // From here on dy is the gradient of the residual. The other paths to x are added to it below.
  layernorm_backward(backend, {.dy = dy,
                               .sum = s.sum,
                               .gamma = params_.weight(norm_.gamma),
                               .mean = s.mean,
                               .rstd = s.rstd,
                               .dsum = dy,
                               .dx = d.dprojection,
                               .dgamma = params_.gradient(norm_.gamma),
                               .dbeta = params_.gradient(norm_.beta),
                               .dbias = params_.gradient(output_.bias),
                               .live = step.live(rows.subset),
                               .dropout = dropout});
  linear_backward_weight(backend, {.dy = d.dprojection, .x = s.out, .dw = params_.gradient(output_.weight)});
  linear_backward_input(backend, {.dy = d.dprojection, .w = params_.compute(output_.weight), .dx = d.dout});
  const int64_t h = hidden_;
  const Tensor dq = rows.subset ? d.dq : d.dprojected.col_range(0, h);
  attention_backward(backend, {.dout = d.dout,
                               .q = s.q,
                               .k = s.k,
                               .v = s.v,
                               .out = s.out,
                               .lse = s.lse,
                               .dq = dq,
                               .dk = d.dprojected.col_range(rows.subset ? 0 : h, h),
                               .dv = d.dprojected.col_range(rows.subset ? h : 2 * h, h),
                               .shape = shape(step, s),
                               .dropout = attention_dropout(step)});
  backward_projections(step, s, d, x, dy, dx);
}

// dy: the gradient of the residual. On return dx holds the gradient of x.
void SelfAttention::backward_projections(Step& step, const Saved& s, const BackwardScratch& d, Tensor x, Tensor dy,
                                         Tensor dx) const {
  Backend& backend = step.backend;
  const Tensor weight = params_.compute_joined(weight_, 3);
  const Tensor dweight = params_.gradient_joined(weight_, 3), dbias = params_.gradient_joined(bias_, 3);
  if (!s.x_read) {
    check(dx.data == dy.data, "attention backward: dx {} must be dy {} itself", dx.str(), dy.str());
    bias_gradient(backend, {.dy = d.dprojected, .dbias = dbias, .live = step.live(false)});
    linear_backward_weight(backend, {.dy = d.dprojected, .x = x, .dw = dweight});
    linear_backward_input(backend, {.dy = d.dprojected, .w = weight, .dx = dx, .accumulate = true});
    return;
  }
  const int64_t h = hidden_;
  bias_gradient(backend, {.dy = d.dq, .dbias = dbias.col_range(0, h), .live = step.live(true)});
  bias_gradient(backend, {.dy = d.dprojected, .dbias = dbias.col_range(h, 2 * h), .live = step.live(false)});
  linear_backward_weight(backend, {.dy = d.dq, .x = s.x_read, .dw = dweight.row_range(0, h)});
  linear_backward_weight(backend, {.dy = d.dprojected, .x = x, .dw = dweight.row_range(h, 2 * h)});
  linear_backward_input(backend, {.dy = d.dq, .w = weight.row_range(0, h), .dx = dy, .accumulate = true});
  linear_backward_input(backend, {.dy = d.dprojected, .w = weight.row_range(h, 2 * h), .dx = dx});
  scatter_rows(backend, {.dy = dy, .rows = step.batch.read_rows, .dx = dx, .add = true, .live = step.live(true)});
}

}  // namespace encore
