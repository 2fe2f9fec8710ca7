#include "model/classification_head.h"

namespace encore {

ClassificationHead::ClassificationHead(const EncoderConfig& c, int num_labels, ParamStore& params)
    : params_(params),
      names_(c.family->classifier),
      hidden_(c.hidden_size),
      labels_(num_labels),
      dropout_(c.classifier_dropout < 0 ? c.hidden_dropout_prob : c.classifier_dropout) {
  check(num_labels >= 2, "a classifier needs at least two labels, not {}", num_labels);
  dense_ = params.add_dense(names_.dense, hidden_, hidden_);
  output_ = params.add_dense(names_.output, labels_, hidden_);
}

Head::Saved ClassificationHead::plan(Arena& arena, int64_t rows) const {
  const DType dtype = params_.compute_dtype();
  Saved s;
  s.input = arena.take("head: input", dtype, rows, hidden_);
  s.hidden = arena.take("head: tanh", dtype, rows, hidden_);
  s.y = arena.take("head: hidden", dtype, rows, hidden_);
  return s;
}

void ClassificationHead::plan_scratch(Arena& scratch, int64_t rows, bool training) const {
  const ScratchScope scope(scratch);
  if (training) scratch.take("head: d hidden", params_.compute_dtype(), rows, hidden_);
  scratch.take("head: logits", params_.compute_dtype(), rows, labels_);
}

DropoutApply ClassificationHead::dropout(Step& step, Site site, Tensor x, Tensor y) const {
  return {
      .x = x, .y = y, .live = step.live(true), .dropout = step.row_dropout(dropout_, 0, site, step.batch.read_keys)};
}

void ClassificationHead::forward(Step& step, const Saved& s, Tensor x) const {
  Backend& backend = step.backend;
  dropout_apply(backend, dropout(step, Site::kClassifierInput, x, s.input));
  linear_forward(backend, {.x = s.input, .w = params_.compute(dense_.weight), .y = s.hidden});
  tanh_forward(backend, {.x = s.hidden, .bias = params_.weight(dense_.bias), .y = s.hidden, .live = step.live(true)});
  dropout_apply(backend, dropout(step, Site::kClassifierHidden, s.hidden, s.y));
}

Tensor ClassificationHead::make_logits(Step& step, const Saved& s) const {
  const Tensor logits = step.scratch.take("head: logits", s.y.dtype, s.y.rows, labels_);
  linear_forward(step.backend, {.x = s.y, .w = params_.compute(output_.weight), .y = logits});
  return logits;
}

CrossEntropy ClassificationHead::loss(Step& step, const LossTensors& loss, Tensor logits) const {
  return {.logits = logits,
          .classes = labels_,
          .bias = logit_bias(),
          .labels = step.batch.labels,
          .grad_scale = step.batch.grad_scale,
          .row_loss = loss.row_loss,
          .loss_sum = loss.loss_sum,
          .correct = loss.correct,
          .live = step.live(true)};
}

void ClassificationHead::evaluate(Step& step, const Saved& s, const LossTensors& tensors) const {
  const ScratchScope scope(step.scratch);
  CrossEntropy a = loss(step, tensors, make_logits(step, s));
  a.loss_only = true;
  cross_entropy(step.backend, a);
}

void ClassificationHead::backward(Step& step, const Saved& s, Tensor x, const LossTensors& tensors, Tensor dx) const {
  Backend& backend = step.backend;
  const ScratchScope scope(step.scratch);
  const Tensor d = step.scratch.take("head: d hidden", x.dtype, x.rows, hidden_);
  const Tensor logits = make_logits(step, s);
  CrossEntropy a = loss(step, tensors, logits);
  a.dbias = params_.gradient(output_.bias);
  cross_entropy(backend, a);
  linear_backward_weight(backend, {.dy = logits, .x = s.y, .dw = params_.gradient(output_.weight)});
  linear_backward_input(backend, {.dy = logits, .w = params_.compute(output_.weight), .dx = d});
  dropout_apply(backend, dropout(step, Site::kClassifierHidden, d, d));
  tanh_backward(backend,
                {.dy = d, .y = s.hidden, .dx = d, .dbias = params_.gradient(dense_.bias), .live = step.live(true)});
  linear_backward_weight(backend, {.dy = d, .x = s.input, .dw = params_.gradient(dense_.weight)});
  linear_backward_input(backend, {.dy = d, .w = params_.compute(dense_.weight), .dx = dx});
  dropout_apply(backend, dropout(step, Site::kClassifierInput, dx, dx));
}

void ClassificationHead::logits(Step& step, const Saved& s, const LogitVisitor& visit) const {
  const ScratchScope scope(step.scratch);
  visit(make_logits(step, s));
}

}  // namespace encore
