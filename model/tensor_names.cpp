#include "model/tensor_names.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace encore {

namespace {

// What torch.compile, activation checkpointing and the wrappers of data-parallel training put into names, in any order
// and depth.
constexpr std::string_view kWrappers[] = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
                                          "_forward_module"};

std::string without_wrappers(std::string_view stored) {
  std::string name;
  for (size_t at = 0; at <= stored.size();) {
    const size_t end = std::min(stored.find('.', at), stored.size());
    const std::string_view part = stored.substr(at, end - at);
    if (std::find(std::begin(kWrappers), std::end(kWrappers), part) == std::end(kWrappers)) {
      if (at > 0 && !name.empty()) name += '.';
      name += part;
    }
    at = end + 1;
  }
  return name;
}

bool is_of_layer(std::string_view layer, std::string_view name) {
  return name.starts_with(layer) && name.substr(layer.size()).starts_with('.');
}

// The first entry of the family's list that matches; null: none.
const UnusedTensors* find_unused(const Family& family, std::string_view name) {
  for (const UnusedTensors& unused : family.unused)
    if (name == unused.name || (unused.name.ends_with('.') && name.starts_with(unused.name))) return &unused;
  return nullptr;
}

}  // namespace

std::string outer_name(const Family& family, std::span<const std::string> stored) {
  std::optional<std::string> outer;
  for (const std::string& each : stored) {
    std::string name = without_wrappers(each);
    if (!name.ends_with(family.embeddings.word)) continue;
    name.resize(name.size() - family.embeddings.word.size());
    if (!name.empty() && !name.ends_with('.')) continue;
    if (outer && *outer != name) return "";
    outer = std::move(name);
  }
  return outer.value_or("");
}

TensorName tensor_name(const Family& family, std::string_view stored, std::string_view outer) {
  TensorName result{.name = without_wrappers(stored)};
  std::string& name = result.name;
  if (name.starts_with(outer)) name.erase(0, outer.size());
  for (const std::string_view start : family.bare)
    if (name.starts_with(start)) {
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
  const UnusedTensors* unused = find_unused(family, name);
  return unused ? unused->reason : "unknown to this model";
}

bool is_of_other_task(const Family& family, std::string_view name) {
  const UnusedTensors* unused = find_unused(family, name);
  return unused && unused->of_other_task;
}

bool is_of_encoder(const Family& family, std::string_view name) {
  const UnusedTensors* unused = find_unused(family, name);
  return name.starts_with(family.prefix) && (!unused || unused->of_encoder);
}

bool is_of_classifier(const Family& family, std::string_view name) {
  return is_of_layer(family.classifier.dense, name) || is_of_layer(family.classifier.output, name);
}

bool is_of_mlm_head(const Family& family, std::string_view name) {
  return name == family.mlm_head.bias || is_of_layer(family.mlm_head.dense, name) ||
         is_of_layer(family.mlm_head.norm, name);
}

}  // namespace encore
