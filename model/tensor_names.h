// The names under which checkpoints of various ages store a family's parameters, and the names that Encore uses: those
// of Hugging Face today.
#pragma once

#include <string>
#include <string_view>

#include "model/family.h"

namespace encore {

struct TensorName {
  std::string name;   // Hugging Face's name today
  bool tied = false;  // a copy of the parameter `name` that the decoder shares with it
};

// By the family's aliases. Of RoBERTa:
//   stored                                    name
//   module.*, *._orig_mod.*                   * (wrappers, wherever they stand)
//   embeddings.*, encoder.*, pooler.*         roberta.* (base-model saves have no prefix)
//   *LayerNorm.gamma, *LayerNorm.beta         *LayerNorm.weight, *LayerNorm.bias
//   lm_head.decoder.weight, lm_head.weight    roberta.embeddings.word_embeddings.weight, tied
//   lm_head.decoder.bias                      lm_head.bias, tied
TensorName tensor_name(const Family&, std::string_view stored);

// Why a tensor that is no parameter of the model at hand is not needed.
const char* why_unused(const Family&, std::string_view name);

// Whether a tensor that is no parameter of the model at hand belongs to the head of a task.
bool is_of_other_task(const Family&, std::string_view name);

// Whether this is the name of one of the classification head's parameters.
bool is_of_classifier(const Family&, std::string_view name);
// Whether this is the name of one of the MLM head's own parameters.
bool is_of_mlm_head(const Family&, std::string_view name);

}  // namespace encore
