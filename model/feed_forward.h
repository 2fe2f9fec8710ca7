// The feed-forward half of an encoder layer: y = LayerNorm(x + dropout(gelu(x W1^T + b1) W2^T + b2)).
#pragma once

#include <string>

#include "model/config.h"
#include "model/param_store.h"
#include "model/step.h"

namespace encore {

class FeedForward {
 public:
  // Registers PREFIX.intermediate.dense.*, PREFIX.output.dense.*, PREFIX.output.LayerNorm.* (weight, bias each).
  FeedForward(const EncoderConfig&, ParamStore&, const std::string& prefix, int layer);

  struct Saved {
    Tensor hidden;      // [R, I]: x W1^T
    Tensor gelu;        // [R, I]
    Tensor sum;         // [R, H]
    Tensor mean, rstd;  // [1, R] fp32
    bool subset = false;
  };
  Saved plan(Arena& saved, const LayerRows&) const;
  void plan_backward_scratch(Arena& scratch, const LayerRows&, DType) const;

  void forward(Step&, const Saved&, Tensor x, Tensor y) const;   // x [R, H] in, y [R, H] out
  void backward(Step&, const Saved&, Tensor x, Tensor d) const;  // d [R, H]: gradient of y in, gradient of x out

 private:
  struct BackwardScratch {
    Tensor doutput;  // [R, H]: gradient of gelu(..) W2^T
    Tensor dhidden;  // [R, I]
  };
  BackwardScratch take_scratch(Arena& scratch, int64_t rows, DType, bool dropout) const;
  RowDropout output_dropout(Step&, const Saved&) const;

  ParamStore& params_;
  int64_t hidden_, intermediate_;
  int layer_;
  float eps_, dropout_;
  DenseParameters dense1_, dense2_;
  NormParameters norm_;
};

}  // namespace encore
