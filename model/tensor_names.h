// The names under which checkpoints of various ages store a family's parameters, and the names that Encore uses: those
// of Hugging Face today.
#pragma once

#include <span>
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
//   OUTER*                                    * (outer_name)
//   embeddings.*, encoder.*, pooler.*         roberta.* (base-model saves have no prefix)
//   *LayerNorm.gamma, *LayerNorm.beta         *LayerNorm.weight, *LayerNorm.bias
//   lm_head.decoder.weight, lm_head.weight    roberta.embeddings.word_embeddings.weight, tied
//   lm_head.decoder.bias                      lm_head.bias, tied
TensorName tensor_name(const Family&, std::string_view stored, std::string_view outer = "");

// What stands before the family's names in a file that an object around the model was saved into: "model." where the
// word embeddings are "model.roberta.embeddings.word_embeddings.weight". "": nothing, or the file holds several models.
std::string outer_name(const Family&, std::span<const std::string> stored);

// Why a tensor that is no parameter of the model at hand is not needed.
const char* why_unused(const Family&, std::string_view name);

// Whether a tensor that is no parameter of the model at hand belongs to the head of a task.
bool is_of_other_task(const Family&, std::string_view name);

// Whether a tensor that is no parameter of the model at hand looks like a part of the encoder: a layer beyond those of
// config.json, an adapter. Without it the encoder computes something else.
bool is_of_encoder(const Family&, std::string_view name);

// Whether this is the name of one of the classification head's parameters.
bool is_of_classifier(const Family&, std::string_view name);
// Whether this is the name of one of the MLM head's own parameters.
bool is_of_mlm_head(const Family&, std::string_view name);

}  // namespace encore
