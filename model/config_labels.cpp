#include "model/config_labels.h"

#include <fmt/format.h>

#include <set>

#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/read_json.h"

namespace encore {

using nlohmann::json;

namespace {

const json* find(const json& source, const char* key) {
  const auto it = source.find(key);
  return it == source.end() ? nullptr : &*it;
}

std::vector<std::string> generic_labels(int64_t count) {
  std::vector<std::string> labels;
  for (int64_t i = 0; i < count; ++i) labels.push_back(fmt::format("LABEL_{}", i));
  return labels;
}

constexpr int64_t kMostLabels = 100000;
constexpr int64_t kDefaultLabels = 2;  // of Hugging Face's configuration classes

// A name in id2label may be a number or a boolean.
std::string label_name(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.is_primitive() && !value.is_null() ? value.dump() : "";
}

std::vector<std::string> labels_by_id(const json& map, const std::string& file) {
  check(map.is_object() && int64_t(map.size()) <= kMostLabels,
        "{}: id2label is {}: an object from \"0\", \"1\", ... to names is expected", file, shown_json(map));
  std::vector<std::string> labels;
  for (size_t i = 0; i < map.size(); ++i) {
    const auto it = map.find(std::to_string(i));
    check(it != map.end(), "{}: id2label has {} entries and none for \"{}\": the ids must run from 0 without a gap",
          file, map.size(), i);
    labels.push_back(label_name(*it));
    check(!labels.back().empty(), "{}: id2label names {} for \"{}\": a name is expected", file, shown_json(*it), i);
  }
  return labels;
}

std::vector<std::string> labels_by_name(const json& map, const std::string& file) {
  check(map.is_object() && int64_t(map.size()) <= kMostLabels,
        "{}: label2id is {}: an object from names to 0, 1, ... is expected", file, shown_json(map));
  std::vector<std::string> labels(map.size());
  for (const auto& [name, id] : map.items()) {
    const bool fits = id.is_number_unsigned() && id.get<uint64_t>() < labels.size() && labels[id.get<size_t>()].empty();
    check(fits && !name.empty(), "{}: label2id gives {} the id {}: the ids must be 0 to {}, each once", file,
          in_quotes(name), shown_json(id), int64_t(labels.size()) - 1);
    labels[id.get<size_t>()] = name;
  }
  return labels;
}

std::vector<std::string> labels_of(const json& source, const std::string& file) {
  if (const json* map = find(source, "id2label"); map && !map->is_null()) return labels_by_id(*map, file);
  if (const json* map = find(source, "label2id"); map && !map->is_null()) return labels_by_name(*map, file);
  const json* count = find(source, "num_labels");
  if (!count || count->is_null()) return {};
  check(count->is_number_integer() && *count >= 1 && *count <= kMostLabels,
        "{}: num_labels is {}: a whole number from 1 to {} is expected", file, shown_json(*count), kMostLabels);
  return generic_labels(count->get<int64_t>());
}

}  // namespace

void read_labels(const json& source, const std::string& file, EncoderConfig& c) {
  try {
    c.labels = labels_of(source, file);
    std::set<std::string> seen;
    for (const std::string& name : c.labels)
      check(seen.insert(name).second, "{}: id2label gives the name {} to two ids", file, in_quotes(name));
  } catch (const Error& e) {
    c.labels.clear();
    c.labels_problem = e.what();
  }
}

std::vector<std::string> classifier_labels(const EncoderConfig& c, const std::string& file) {
  check(c.labels_problem.empty(), "{}", c.labels_problem);
  check(c.labels.size() != 1, "{}: one label, {}: a regression head, which is not served", file,
        c.labels.empty() ? "" : in_quotes(c.labels[0]));
  return c.labels.empty() ? generic_labels(kDefaultLabels) : c.labels;
}

}  // namespace encore
