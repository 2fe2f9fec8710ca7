// JSON from untrusted files.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace encore {

// Throws Error naming the file and the place: not JSON, not an object, a key that comes twice in one object, nesting
// beyond `max_depth`. `what` says which part of the file this is ("" for the whole file).
nlohmann::json parse_json_object(std::string_view text, const std::string& file, const char* what = "",
                                 int max_depth = 64);

// A whole number. Throws json::type_error for any other value; json::get would convert a float instead.
inline int64_t whole_number(const nlohmann::json& value) {
  return value.get_ref<const nlohmann::json::number_integer_t&>();
}

}  // namespace encore
