#include "model/tensor_names.h"

#include <utility>

namespace encore {
namespace {

bool ends_with_replace(std::string& name, std::string_view old_end, std::string_view new_end) {
  if (!name.ends_with(old_end)) return false;
  name.replace(name.size() - old_end.size(), old_end.size(), new_end);
  return true;
}

}  // namespace

TensorName tensor_name(std::string_view stored) {
  TensorName result{.name = std::string(stored)};
  std::string& name = result.name;
  for (const std::string_view start : {"embeddings.", "encoder.", "pooler."})
    if (name.starts_with(start)) {
      name.insert(0, "roberta.");
      break;
    }
  if (!ends_with_replace(name, "LayerNorm.gamma", "LayerNorm.weight"))
    ends_with_replace(name, "LayerNorm.beta", "LayerNorm.bias");
  if (name.starts_with("roberta.pooler."))
    result.ignored = "a pooler, which no head here reads";
  else if (name == "roberta.embeddings.position_ids" || name == "roberta.embeddings.token_type_ids")
    result.ignored = "a buffer, worked out anew";
  else if (name == "lm_head.decoder.weight" || name == "lm_head.weight")
    result = {.name = "roberta.embeddings.word_embeddings.weight", .tied = true};
  else if (name == "lm_head.decoder.bias")
    result = {.name = "lm_head.bias", .tied = true};
  return result;
}

const char* why_unused(std::string_view name) {
  if (name.starts_with("lm_head.")) return "the MLM head, which this model does not have";
  if (name.starts_with("classifier.") || name.starts_with("qa_outputs."))
    return "another task's head, which this model does not have";
  if (name.starts_with("roberta.encoder.layer.")) return "of no layer that config.json tells of";
  return "unknown to this model";
}

}  // namespace encore
