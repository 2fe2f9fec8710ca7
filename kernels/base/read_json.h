// The one reader of JSON files: model folders, run folders, --config, headers of safetensors.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace encore {

// Parses an object. `what` says which part of the file this is ("" for the whole file). Throws Error naming the file,
// the line and the last key: not JSON, not an object, a key that comes twice in one object, nesting beyond `max_depth`,
// a number beyond double precision (1e999).
// Whole numbers beyond 64 bits become floating-point numbers. NaN, Infinity and -Infinity, which are no JSON but are
// what Python's json writes, are read as these numbers.
nlohmann::json parse_json_object(std::string_view text, const std::string& file, const char* what = "",
                                 int max_depth = 64);

// The object that a file holds. Throws Error as read_input_file (kernels/base/input_file.h) and parse_json_object do.
nlohmann::json read_json_file(const std::string& path);

// A whole number. Throws json::type_error for any other value; json::get would convert a float instead.
inline int64_t whole_number(const nlohmann::json& value) {
  return value.get_ref<const nlohmann::json::number_integer_t&>();
}

// The value for a one-line message, at most 60 characters of it; NaN and infinities under their names.
std::string shown_json(const nlohmann::json& value);

}  // namespace encore
