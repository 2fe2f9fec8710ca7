// Names and values of others in a form that fits into a message of one line.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace encore {

// The text as one line of UTF-8 that moves no cursor: control characters, and bytes that are no UTF-8, become \n, \r,
// \t or \xNN (a control character past ASCII a \xNN for each byte of it).
std::string one_line(std::string_view text);

// one_line of at most the first `limit` bytes, in single quotes. What is cut off shows as "...", before the last quote.
// A character is not cut apart.
std::string in_quotes(std::string_view text, size_t limit = 120);

// "[2, 768]"
inline std::string shape_string(std::span<const int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace encore
