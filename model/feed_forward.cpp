#include "model/feed_forward.h"

namespace encore {

FeedForward::FeedForward(const EncoderConfig& c, ParamStore& params, const std::string& prefix, int layer)
    : params_(params),
      hidden_(c.hidden_size),
      intermediate_(c.intermediate_size),
      layer_(layer),
      eps_(c.layer_norm_eps),
      dropout_(c.hidden_dropout_prob) {
  weight1_ = params.add(prefix + ".intermediate.dense.weight", {intermediate_, hidden_}, Init::kNormal, true);
  bias1_ = params.add(prefix + ".intermediate.dense.bias", {intermediate_}, Init::kZero, false);
  weight2_ = params.add(prefix + ".output.dense.weight", {hidden_, intermediate_}, Init::kNormal, true);
  bias2_ = params.add(prefix + ".output.dense.bias", {hidden_}, Init::kZero, false);
  gamma_ = params.add(prefix + ".output.LayerNorm.weight", {hidden_}, Init::kOne, false);
  beta_ = params.add(prefix + ".output.LayerNorm.bias", {hidden_}, Init::kZero, false);
}

FeedForward::Saved FeedForward::plan(Arena& arena, const LayerRows& rows) const {
  const DType dtype = params_.compute_dtype();
  const int64_t r = rows.queries;
  return {.hidden = arena.take("feed forward: hidden", dtype, r, intermediate_),
          .gelu = arena.take("feed forward: gelu", dtype, r, intermediate_),
          .sum = arena.take("feed forward: sum", dtype, r, hidden_),
          .mean = arena.take("feed forward: mean", DType::kF32, 1, r),
          .rstd = arena.take("feed forward: rstd", DType::kF32, 1, r),
          .subset = rows.subset};
}

FeedForward::BackwardScratch FeedForward::take_scratch(Arena& scratch, int64_t rows, DType dtype, bool dropout) const {
  BackwardScratch s;
  if (dropout) s.doutput = scratch.take("feed forward: d output", dtype, rows, hidden_);
  s.dhidden = scratch.take("feed forward: d hidden", dtype, rows, intermediate_);
  return s;
}

void FeedForward::plan_backward_scratch(Arena& scratch, const LayerRows& rows, DType dtype) const {
  const ScratchScope scope(scratch);
  take_scratch(scratch, rows.queries, dtype, dropout_ > 0);
}

RowDropout FeedForward::output_dropout(Step& step, const Saved& saved) const {
  return step.row_dropout(dropout_, layer_, Site::kFeedForwardOutput,
                          saved.subset ? step.batch.read_keys : step.batch.rows);
}

void FeedForward::forward(Step& step, const Saved& s, Tensor x, Tensor y) const {
  Backend& backend = step.backend;
  linear_forward(backend, {.x = x, .w = params_.compute(weight1_), .y = s.hidden});
  gelu_forward(backend, {.x = s.hidden, .bias = params_.weight(bias1_), .y = s.gelu, .live = step.live(s.subset)});
  linear_forward(backend, {.x = s.gelu, .w = params_.compute(weight2_), .y = s.sum});
  layernorm_forward(backend, {.x = s.sum,
                              .bias = params_.weight(bias2_),
                              .residual = x,
                              .gamma = params_.weight(gamma_),
                              .beta = params_.weight(beta_),
                              .sum = s.sum,
                              .y = y,
                              .mean = s.mean,
                              .rstd = s.rstd,
                              .live = step.live(s.subset),
                              .eps = eps_,
                              .dropout = output_dropout(step, s)});
}

void FeedForward::backward(Step& step, const Saved& s, Tensor x, Tensor d) const {
  Backend& backend = step.backend;
  const ScratchScope scope(step.scratch);
  const RowDropout dropout = output_dropout(step, s);
  BackwardScratch scratch = take_scratch(step.scratch, x.rows, x.dtype, dropout.p > 0);
  if (dropout.p == 0) scratch.doutput = d;
  layernorm_backward(backend, {.dy = d,
                               .sum = s.sum,
                               .gamma = params_.weight(gamma_),
                               .mean = s.mean,
                               .rstd = s.rstd,
                               .dsum = d,
                               .dx = scratch.doutput,
                               .dgamma = params_.gradient(gamma_),
                               .dbeta = params_.gradient(beta_),
                               .dbias = params_.gradient(bias2_),
                               .live = step.live(s.subset),
                               .dropout = dropout});
  linear_backward_weight(backend, {.dy = scratch.doutput, .x = s.gelu, .dw = params_.gradient(weight2_)});
  linear_backward_input(backend, {.dy = scratch.doutput, .w = params_.compute(weight2_), .dx = scratch.dhidden});
  gelu_backward(backend, {.dy = scratch.dhidden,
                          .x = s.hidden,
                          .bias = params_.weight(bias1_),
                          .dx = scratch.dhidden,
                          .dbias = params_.gradient(bias1_),
                          .live = step.live(s.subset)});
  linear_backward_weight(backend, {.dy = scratch.dhidden, .x = x, .dw = params_.gradient(weight1_)});
  linear_backward_input(backend, {.dy = scratch.dhidden, .w = params_.compute(weight1_), .dx = d, .accumulate = true});
}

}  // namespace encore
