// The attention half of an encoder layer: y = LayerNorm(x + dropout(attention(x) Wo^T + bo)).
#pragma once

#include <string>

#include "model/config.h"
#include "model/param_store.h"
#include "model/step.h"

namespace encore {

class SelfAttention {
 public:
  // Registers PREFIX.self.{query,key,value}.weight as one matrix [3 H, H], their biases as one vector [3 H], then
  // PREFIX.output.dense.{weight,bias} and PREFIX.output.LayerNorm.{weight,bias}.
  SelfAttention(const EncoderConfig&, ParamStore&, const std::string& prefix, int layer);

  struct Saved {
    Tensor projected;   // [T, 3 H]: q, k and v side by side; for a subset [T, 2 H]: k and v
    Tensor q, k, v;     // [R, H], [T, H], [T, H]; views of projected, except q of a subset
    Tensor x_read;      // [R, H]: the subset of the input's rows; absent unless subset
    Tensor out;         // [R, H]
    Tensor lse;         // [A, R] fp32
    Tensor sum, y;      // [R, H]
    Tensor mean, rstd;  // [1, R] fp32
  };
  Saved plan(Arena& saved, const LayerRows&) const;
  void plan_backward_scratch(Arena& scratch, const LayerRows&, DType) const;

  void forward(Step&, const Saved&, Tensor x) const;  // x [T, H] in; writes saved.y
  // dy [R, H]: gradient of y, destroyed. dx [T, H]: gradient of x, overwritten. Unless the rows are a subset, dx must
  // be dy itself.
  void backward(Step&, const Saved&, Tensor x, Tensor dy, Tensor dx) const;

 private:
  struct BackwardScratch {
    Tensor dprojection;  // [R, H]: gradient of attention(x) Wo^T
    Tensor dout;         // [R, H]
    Tensor dprojected;   // as Saved::projected
    Tensor dq;           // [R, H]; absent unless subset
  };
  BackwardScratch take_scratch(Arena& scratch, const LayerRows&, DType, bool dropout) const;
  AttentionShape shape(Step&, const Saved&) const;
  AttentionDropout attention_dropout(Step&) const;
  RowDropout output_dropout(Step&, const Saved&) const;
  void backward_projections(Step&, const Saved&, const BackwardScratch&, Tensor x, Tensor dy, Tensor dx) const;

  ParamStore& params_;
  int64_t hidden_;
  int heads_, head_size_, layer_;
  float eps_, hidden_dropout_, probability_dropout_;
  int weight_, bias_;  // of query; key and value follow
  DenseParameters output_;
  NormParameters norm_;
};

}  // namespace encore
