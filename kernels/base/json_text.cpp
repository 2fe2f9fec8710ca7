#include "kernels/base/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace encore {
namespace {

constexpr size_t kSafeDigits = 18;  // integers of so many digits fit into 64 bits

bool in_number(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

// The end of the string that starts with the quote at json[at].
size_t string_end(std::string_view json, size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at)
    if (json[at] == '\\') ++at;
  return std::min(at + 1, json.size());
}

// The code unit of the \uXXXX at text[at]; -1 where there is none.
int escaped_unit(std::string_view text, size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  const std::string digits(text.substr(at + 2, 4));
  char* end = nullptr;
  const long value = std::strtol(digits.c_str(), &end, 16);
  return end == digits.c_str() + 4 ? int(value) : -1;
}

// The offset of half a surrogate pair in a string; npos if there is none.
size_t lone_surrogate(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') continue;
    const int unit = escaped_unit(text, at);
    if (unit >= 0xdc00 && unit <= 0xdfff) return at;
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const int next = escaped_unit(text, at + 6);
      if (next < 0xdc00 || next > 0xdfff) return at;
      at += 6;
    }
    at += unit >= 0 ? 5 : 1;
  }
  return std::string_view::npos;
}

// A number as simdjson takes it.
std::string in_range(std::string_view number) {
  const std::string text(number);
  const bool integer = text.find_first_of(".eE") == std::string::npos;
  if (integer && text.size() <= kSafeDigits) return text;
  const double value = std::strtod(text.c_str(), nullptr);
  if (std::isinf(value)) return value > 0 ? "1.7976931348623157e308" : "-1.7976931348623157e308";
  // Also true for integers that fit into 64 bits: these keep their digits.
  if (integer && std::abs(value) < 9e18) return text;
  return integer ? fmt::format("{:.17e}", value) : text;
}

}  // namespace

std::string python_json_fault(std::string_view json) {
  std::string key;
  for (size_t at = 0; at < json.size();) {
    if (json[at] == '"') {
      const size_t end = string_end(json, at);
      const std::string_view text = json.substr(at, end - at);
      const size_t after = json.find_first_not_of(" \t\r\n", end);
      const bool is_key = after != std::string_view::npos && json[after] == ':';
      if (const size_t lone = lone_surrogate(text); lone != std::string_view::npos)
        return fmt::format("{} holds {} (byte {}), half of a surrogate pair, which is no character: remove it",
                           is_key || key.empty() ? "a key" : key, text.substr(lone, 6), at + lone);
      if (is_key) key = text.size() <= 80 ? std::string(text) : std::string(text.substr(0, 77)) + "...\"";
      at = end;
      continue;
    }
    for (const std::string_view name : {"NaN", "Infinity", "-Infinity"})
      if (json.substr(at).starts_with(name))
        return fmt::format("{} is {} (byte {}), which Python writes but JSON does not have: write null or a number",
                           key.empty() ? "a value" : key, name, at);
    ++at;
  }
  return "";
}

std::string with_numbers_in_range(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (size_t at = 0; at < json.size();) {
    size_t end = at + 1;
    if (json[at] == '"') {
      end = string_end(json, at);
    } else if (json[at] == '-' || (json[at] >= '0' && json[at] <= '9')) {
      while (end < json.size() && in_number(json[end])) ++end;
      out += in_range(json.substr(at, end - at));
      at = end;
      continue;
    }
    out.append(json.substr(at, end - at));
    at = end;
  }
  return out;
}

}  // namespace encore
