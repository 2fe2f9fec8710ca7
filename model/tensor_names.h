// The names under which checkpoints of various ages store a RoBERTa, and ours.
#pragma once

#include <string>
#include <string_view>

namespace encore {

struct TensorName {
  std::string name;               // Hugging Face's name today
  bool tied = false;              // a copy of the parameter `name` that the decoder shares with it
  const char* ignored = nullptr;  // why no model needs it; else null
};

// "encoder.layer.0.output.LayerNorm.gamma" -> "roberta.encoder.layer.0.output.LayerNorm.weight"
//   no prefix (base-model saves)              roberta.
//   LayerNorm.gamma, LayerNorm.beta           LayerNorm.weight, LayerNorm.bias
//   lm_head.decoder.weight, lm_head.weight    roberta.embeddings.word_embeddings.weight, tied
//   lm_head.decoder.bias                      lm_head.bias, tied
//   pooler.*, position_ids, token_type_ids    ignored
TensorName tensor_name(std::string_view stored);

// Why a tensor that is no parameter of the model at hand is not needed.
const char* why_unused(std::string_view name);

}  // namespace encore
