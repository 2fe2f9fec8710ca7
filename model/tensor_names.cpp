#include "model/tensor_names.h"

namespace encore {

TensorName tensor_name(const Family& family, std::string_view stored) {
  TensorName result{.name = std::string(stored)};
  std::string& name = result.name;
  for (const std::string_view start : family.bare)
    if (stored.starts_with(start)) {
      name.insert(0, family.prefix);
      break;
    }
  for (const NameAlias& end : family.endings)
    if (name.ends_with(end.stored)) {
      name.replace(name.size() - end.stored.size(), end.stored.size(), end.current);
      break;
    }
  for (const NameAlias& copy : family.tied)
    if (name == copy.stored) return {.name = std::string(copy.current), .tied = true};
  return result;
}

const char* why_unused(const Family& family, std::string_view name) {
  for (const UnusedTensors& unused : family.unused)
    if (name == unused.name || (unused.name.ends_with('.') && name.starts_with(unused.name))) return unused.reason;
  return "unknown to this model";
}

bool is_of_mlm_head(const Family& family, std::string_view name) {
  const auto of_layer = [name](std::string_view layer) {
    return name.starts_with(layer) && name.substr(layer.size()).starts_with('.');
  };
  return name == family.mlm_head.bias || of_layer(family.mlm_head.dense) || of_layer(family.mlm_head.norm);
}

}  // namespace encore
