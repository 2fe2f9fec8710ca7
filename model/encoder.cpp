#include "model/encoder.h"

#include <algorithm>

namespace encore {

Encoder::Encoder(const EncoderConfig& config, ParamStore& params)
    : params_(params), hidden_(config.hidden_size), embeddings_(config, params) {
  check(config.num_hidden_layers >= 1, "config: num_hidden_layers is {}; an encoder has at least one layer",
        config.num_hidden_layers);
  layers_.reserve(size_t(config.num_hidden_layers));
  for (int i = 0; i < config.num_hidden_layers; ++i) {
    first_parameter_.push_back(int(params.parameters().size()));
    layers_.emplace_back(config, params, fmt::format("{}.{}", config.family->layers, i), i);
  }
}

LayerRows Encoder::layer_rows(const EncoderRows& rows, size_t layer) const {
  if (rows.complete_last || layer + 1 < layers_.size()) return {.tokens = rows.tokens, .queries = rows.tokens};
  return {.tokens = rows.tokens, .queries = rows.read, .subset = true};
}

void Encoder::plan(Arena& arena, const EncoderRows& rows, Saved& out) const {
  const DType dtype = params_.compute_dtype();
  const size_t layers = layers_.size();
  out.layers.resize(layers);
  out.hidden.resize(layers + 1);
  out.embeddings = embeddings_.plan(arena, rows.tokens);
  out.hidden[0] = arena.take("hidden states", dtype, rows.tokens, hidden_);
  size_t end = arena.used();
  for (size_t i = 0; i < layers; ++i) {
    const LayerRows layer = layer_rows(rows, i);
    const size_t mark = arena.mark();
    out.layers[i] = layers_[i].plan(arena, layer);
    if (rows.keep_for_backward) {
      out.hidden[i + 1] = arena.take("hidden states", dtype, layer.queries, hidden_);
      end = arena.used();
    } else {
      end = std::max(end, arena.used());
      arena.release(mark);
      out.hidden[i + 1] = out.hidden[0].row_range(0, layer.queries);
    }
  }
  arena.release(end);  // the end of the memory that the layers share
}

void Encoder::plan_backward_scratch(Arena& scratch, const EncoderRows& rows, DType dtype) const {
  for (size_t i = 0; i < layers_.size(); ++i) layers_[i].plan_backward_scratch(scratch, layer_rows(rows, i), dtype);
}

void Encoder::forward(Step& step, const Saved& s, const Visitor& visit) const {
  embeddings_.forward(step, s.embeddings, s.hidden[0]);
  if (visit) visit(0, s.hidden[0]);
  for (size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].forward(step, s.layers[i], s.hidden[i], s.hidden[i + 1]);
    if (visit) visit(int(i) + 1, s.hidden[i + 1]);
  }
}

void Encoder::backward(Step& step, const Saved& s, Tensor dlast, Tensor d) const {
  for (size_t i = layers_.size(); i-- > 0;) {
    layers_[i].backward(step, s.layers[i], s.hidden[i], i + 1 == layers_.size() ? dlast : d, d);
    if (step.gradients_final) (*step.gradients_final)(layer_offset(i));
  }
  embeddings_.backward(step, s.embeddings, d);
}

}  // namespace encore
