#include "model/mlm_head.h"

#include <algorithm>

namespace encore {

MlmHead::MlmHead(const EncoderConfig& c, ParamStore& params, int word_embeddings)
    : params_(params),
      names_(c.family->mlm_head),
      hidden_(c.hidden_size),
      vocab_(c.vocab_size),
      padded_vocab_(c.padded_vocab()),
      eps_(c.layer_norm_eps),
      word_(word_embeddings) {
  dense_ = params.add_dense(names_.dense, hidden_, hidden_);
  norm_ = params.add_norm(names_.norm, hidden_);
  decoder_bias_ = params.add({.name = std::string(names_.bias), .shape = {vocab_}});
}

Head::Saved MlmHead::plan(Arena& arena, int64_t rows) const {
  const DType dtype = params_.compute_dtype();
  Saved s;
  s.hidden = arena.take("head: hidden", dtype, rows, hidden_);
  s.sum = arena.take("head: gelu", dtype, rows, hidden_);
  s.y = arena.take("head: normalised", dtype, rows, hidden_);
  s.mean = arena.take("head: mean", DType::kF32, 1, rows);
  s.rstd = arena.take("head: rstd", DType::kF32, 1, rows);
  return s;
}

Tensor MlmHead::take_logits(Arena& scratch, int64_t rows) const {
  return scratch.take("head: logits", params_.compute_dtype(), std::min(rows, kBlockRows), padded_vocab_);
}

void MlmHead::plan_scratch(Arena& scratch, int64_t rows, bool training) const {
  const ScratchScope scope(scratch);
  if (training) scratch.take("head: d hidden", params_.compute_dtype(), rows, hidden_);
  take_logits(scratch, rows);
}

void MlmHead::forward(Step& step, const Saved& s, Tensor x) const {
  Backend& backend = step.backend;
  linear_forward(backend, {.x = x, .w = params_.compute(dense_.weight), .y = s.hidden});
  const Tensor live = step.live(true);
  gelu_forward(backend, {.x = s.hidden, .bias = params_.weight(dense_.bias), .y = s.sum, .live = live});
  layernorm_forward(backend, {.x = s.sum,
                              .gamma = params_.weight(norm_.gamma),
                              .beta = params_.weight(norm_.beta),
                              .sum = s.sum,
                              .y = s.y,
                              .mean = s.mean,
                              .rstd = s.rstd,
                              .live = live,
                              .eps = eps_});
}

template <class F>
void MlmHead::for_each_block(Step& step, const Saved& s, F&& f) const {
  const ScratchScope scope(step.scratch);
  const Tensor buffer = take_logits(step.scratch, s.y.rows);
  for (int64_t first = 0; first < s.y.rows; first += kBlockRows) {
    const int64_t rows = std::min(kBlockRows, s.y.rows - first);
    const Tensor logits = buffer.row_range(0, rows);
    linear_forward(step.backend, {.x = s.y.row_range(first, rows), .w = params_.compute(word_), .y = logits});
    f(first, logits);
  }
}

CrossEntropy MlmHead::loss(Step& step, const LossTensors& loss, int64_t first, Tensor logits) const {
  return {.logits = logits,
          .classes = vocab_,
          .bias = logit_bias(),
          .labels = step.batch.labels.col_range(first, logits.rows),
          .grad_scale = step.batch.grad_scale,
          .row_loss = loss.row_loss.col_range(first, logits.rows),
          .loss_sum = loss.loss_sum,
          .correct = loss.correct,
          .live = step.batch.live ? step.batch.live_blocks.col_range(first / kBlockRows, 1) : Tensor()};
}

void MlmHead::evaluate(Step& step, const Saved& s, const LossTensors& tensors) const {
  for_each_block(step, s, [&](int64_t first, Tensor logits) {
    CrossEntropy a = loss(step, tensors, first, logits);
    a.loss_only = true;
    cross_entropy(step.backend, a);
  });
}

void MlmHead::backward(Step& step, const Saved& s, Tensor x, const LossTensors& tensors, Tensor dx) const {
  Backend& backend = step.backend;
  const ScratchScope scope(step.scratch);
  const Tensor d = step.scratch.take("head: d hidden", x.dtype, x.rows, hidden_);
  for_each_block(step, s, [&](int64_t first, Tensor logits) {
    CrossEntropy a = loss(step, tensors, first, logits);
    a.dbias = params_.gradient(decoder_bias_);
    cross_entropy(backend, a);
    linear_backward_weight(backend,
                           {.dy = logits, .x = s.y.row_range(first, logits.rows), .dw = params_.gradient(word_)});
    linear_backward_input(backend, {.dy = logits, .w = params_.compute(word_), .dx = d.row_range(first, logits.rows)});
  });
  layernorm_backward(backend, {.dy = d,
                               .sum = s.sum,
                               .gamma = params_.weight(norm_.gamma),
                               .mean = s.mean,
                               .rstd = s.rstd,
                               .dsum = d,
                               .dgamma = params_.gradient(norm_.gamma),
                               .dbeta = params_.gradient(norm_.beta),
                               .live = step.live(true)});
  gelu_backward(backend, {.dy = d,
                          .x = s.hidden,
                          .bias = params_.weight(dense_.bias),
                          .dx = d,
                          .dbias = params_.gradient(dense_.bias),
                          .live = step.live(true)});
  linear_backward_weight(backend, {.dy = d, .x = x, .dw = params_.gradient(dense_.weight)});
  linear_backward_input(backend, {.dy = d, .w = params_.compute(dense_.weight), .dx = dx});
}

void MlmHead::logits(Step& step, const Saved& s, const LogitVisitor& visit) const {
  for_each_block(step, s, [&](int64_t, Tensor logits) { visit(logits); });
}

}  // namespace encore
