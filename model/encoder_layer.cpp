#include "model/encoder_layer.h"

namespace encore {

EncoderLayer::EncoderLayer(const EncoderConfig& config, ParamStore& params, const std::string& prefix, int layer)
    : attention_(config, params, prefix + ".attention", layer), feed_forward_(config, params, prefix, layer) {}

EncoderLayer::Saved EncoderLayer::plan(Arena& saved, const LayerRows& rows) const {
  Saved s;
  s.attention = attention_.plan(saved, rows);
  s.feed_forward = feed_forward_.plan(saved, rows);
  return s;
}

void EncoderLayer::plan_backward_scratch(Arena& scratch, const LayerRows& rows, DType dtype) const {
  feed_forward_.plan_backward_scratch(scratch, rows, dtype);
  attention_.plan_backward_scratch(scratch, rows, dtype);
}

void EncoderLayer::forward(Step& step, const Saved& s, Tensor x, Tensor y) const {
  attention_.forward(step, s.attention, x);
  feed_forward_.forward(step, s.feed_forward, s.attention.y, y);
}

void EncoderLayer::backward(Step& step, const Saved& s, Tensor x, Tensor dy, Tensor dx) const {
  feed_forward_.backward(step, s.feed_forward, s.attention.y, dy);
  attention_.backward(step, s.attention, x, dy, dx);
}

}  // namespace encore
