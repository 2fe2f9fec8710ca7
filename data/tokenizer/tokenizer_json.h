// A JSON file of a tokenizer folder, with errors that name the file and the key.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/json_text.h"

namespace encore {

// One JSON file: the parser owns what the elements refer to.
struct JsonFile {
  std::string path;
  simdjson::dom::parser parser;
  simdjson::dom::element root;

  JsonFile(std::string file, std::string_view bytes) : path(std::move(file)) {
    // simdjson passes over a byte order mark in some of its versions.
    if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
    check(!bytes.empty(), "{}: the file is empty", path);
    auto error = parser.parse(bytes.data(), bytes.size()).get(root);
    // simdjson's code for a number out of range depends on its version.
    if (error) error = parser.parse(with_numbers_in_range(bytes)).get(root);
    if (!error) check(root.is_object(), "{}: not a JSON object", path);
    if (!error) return;
    const std::string fault = python_json_fault(bytes);
    fail("{}: not valid JSON: {}", path, fault.empty() ? simdjson::error_message(error) : fault);
  }

  // nullopt for a missing key, for null, and for a parent that is no object.
  static std::optional<simdjson::dom::element> member(simdjson::dom::element parent, std::string_view key) {
    simdjson::dom::element value;
    if (!parent.is_object() || parent.at_key(key).get(value) || value.is_null()) return std::nullopt;
    return value;
  }

  std::string text(simdjson::dom::element value, std::string_view key) const {
    std::string_view view;
    check(!value.get(view), "{}: \"{}\" is not a string", path, key);
    return std::string(view);
  }

  bool flag(simdjson::dom::element parent, std::string_view key, bool fallback) const {
    const auto value = member(parent, key);
    if (!value) return fallback;
    bool result = false;
    check(!value->get(result), "{}: \"{}\" is neither true nor false", path, key);
    return result;
  }

  int32_t id(simdjson::dom::element value, std::string_view key) const {
    int64_t number = 0;
    check(!value.get(number) && number >= 0 && number <= INT32_MAX, "{}: the id of \"{}\" is not a whole number >= 0",
          path, key);
    return int32_t(number);
  }
};

}  // namespace encore
