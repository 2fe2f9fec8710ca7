// y = dropout(LayerNorm(word[id] + position[position_id] + token_type[type_id]))
#pragma once

#include <string>

#include "model/config.h"
#include "model/param_store.h"
#include "model/step.h"

namespace encore {

class Embeddings {
 public:
  // Registers PREFIX.{word,position,token_type}_embeddings.weight and PREFIX.LayerNorm.{weight,bias}.
  Embeddings(const EncoderConfig&, ParamStore&, const std::string& prefix);

  struct Saved {
    Tensor mean, rstd;  // [1, T] fp32
  };
  Saved plan(Arena& saved, int64_t tokens) const;

  void forward(Step&, const Saved&, Tensor y) const;    // y [T, H] out
  void backward(Step&, const Saved&, Tensor dy) const;  // dy [T, H] is destroyed

  int word() const { return word_; }  // index of the table that the MLM decoder is tied to

 private:
  EmbeddingForward arguments(Step&, const Saved&) const;

  ParamStore& params_;
  float eps_, dropout_;
  int32_t padding_id_;
  int word_, position_, type_, gamma_, beta_;
};

}  // namespace encore
