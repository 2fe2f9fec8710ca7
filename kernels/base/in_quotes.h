// Names from files in a form that fits into a one-line message.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace encore {

// The text in single quotes, cut to `limit` bytes; control characters and bytes outside ASCII become \xNN.
inline std::string in_quotes(std::string_view text, size_t limit = 120) {
  std::string out = "'";
  for (const char c : text.substr(0, limit)) {
    if (c >= 0x20 && c < 0x7f)
      out += c;
    else
      out += fmt::format("\\x{:02x}", uint8_t(c));
  }
  return out + (text.size() > limit ? "...'" : "'");
}

// "[2, 768]"
inline std::string shape_string(std::span<const int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace encore
