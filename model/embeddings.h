// y = dropout(LayerNorm(word[id] + position[position_id] + token_type[type_id]))
#pragma once

#include "model/config.h"
#include "model/param_store.h"
#include "model/step.h"

namespace encore {

class Embeddings {
 public:
  // Registers the three tables and the LayerNorm under the family's names.
  Embeddings(const EncoderConfig&, ParamStore&);

  struct Saved {
    Tensor mean, rstd;  // [1, T] fp32
  };
  Saved plan(Arena& saved, int64_t tokens) const;

  void forward(Step&, const Saved&, Tensor y) const;  // y [T, H] out
  // dy [T, H] is destroyed. Throws Error unless the family numbers positions by PositionRule::kAfterPadding.
  void backward(Step&, const Saved&, Tensor dy) const;

  int word() const { return word_; }  // index of the word table, to which the MLM decoder is tied

 private:
  EmbeddingForward arguments(Step&, const Saved&) const;

  ParamStore& params_;
  PositionRule positions_;
  float eps_, dropout_;
  int32_t padding_id_;
  int word_, position_, type_;
  NormParameters norm_;
};

}  // namespace encore
