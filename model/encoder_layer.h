// One post-LN transformer layer: attention, then feed-forward.
#pragma once

#include "model/feed_forward.h"
#include "model/self_attention.h"

namespace encore {

class EncoderLayer {
 public:
  // Registers PREFIX.attention.*, PREFIX.intermediate.*, PREFIX.output.*.
  EncoderLayer(const EncoderConfig&, ParamStore&, const std::string& prefix, int layer);

  struct Saved {
    SelfAttention::Saved attention;
    FeedForward::Saved feed_forward;
  };
  Saved plan(Arena& saved, const LayerRows&) const;
  void plan_backward_scratch(Arena& scratch, const LayerRows&, DType) const;

  void forward(Step&, const Saved&, Tensor x, Tensor y) const;  // x [T, H] in, y [R, H] out
  // dy [R, H]: gradient of y, destroyed. dx [T, H]: gradient of x, overwritten; must be dy itself unless the rows are a
  // subset.
  void backward(Step&, const Saved&, Tensor x, Tensor dy, Tensor dx) const;

 private:
  SelfAttention attention_;
  FeedForward feed_forward_;
};

}  // namespace encore
