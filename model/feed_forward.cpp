#include "model/feed_forward.h"

namespace encore {

FeedForward::FeedForward(const EncoderConfig& c, ParamStore& params, const std::string& prefix, int layer)
    : params_(params),
      hidden_(c.hidden_size),
      intermediate_(c.intermediate_size),
      layer_(layer),
      eps_(c.layer_norm_eps),
      dropout_(c.hidden_dropout_prob) {
  dense1_ = params.add_dense(prefix + ".intermediate.dense", intermediate_, hidden_);
  dense2_ = params.add_dense(prefix + ".output.dense", hidden_, intermediate_);
  norm_ = params.add_norm(prefix + ".output.LayerNorm", hidden_);
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
  linear_forward(backend, {.x = x, .w = params_.compute(dense1_.weight), .y = s.hidden});
  gelu_forward(backend,
               {.x = s.hidden, .bias = params_.weight(dense1_.bias), .y = s.gelu, .live = step.live(s.subset)});
  linear_forward(backend, {.x = s.gelu, .w = params_.compute(dense2_.weight), .y = s.sum});
  layernorm_forward(backend, {.x = s.sum,
                              .bias = params_.weight(dense2_.bias),
                              .residual = x,
                              .gamma = params_.weight(norm_.gamma),
                              .beta = params_.weight(norm_.beta),
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
                               .gamma = params_.weight(norm_.gamma),
                               .mean = s.mean,
                               .rstd = s.rstd,
                               .dsum = d,
                               .dx = scratch.doutput,
                               .dgamma = params_.gradient(norm_.gamma),
                               .dbeta = params_.gradient(norm_.beta),
                               .dbias = params_.gradient(dense2_.bias),
                               .live = step.live(s.subset),
                               .dropout = dropout});
  linear_backward_weight(backend, {.dy = scratch.doutput, .x = s.gelu, .dw = params_.gradient(dense2_.weight)});
  linear_backward_input(backend, {.dy = scratch.doutput, .w = params_.compute(dense2_.weight), .dx = scratch.dhidden});
  gelu_backward(backend, {.dy = scratch.dhidden,
                          .x = s.hidden,
                          .bias = params_.weight(dense1_.bias),
                          .dx = scratch.dhidden,
                          .dbias = params_.gradient(dense1_.bias),
                          .live = step.live(s.subset)});
  linear_backward_weight(backend, {.dy = scratch.dhidden, .x = x, .dw = params_.gradient(dense1_.weight)});
  linear_backward_input(backend,
                        {.dy = scratch.dhidden, .w = params_.compute(dense1_.weight), .dx = d, .accumulate = true});
}

}  // namespace encore
