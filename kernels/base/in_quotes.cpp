#include "kernels/base/in_quotes.h"

#include "kernels/base/utf8.h"

namespace encore {

std::string one_line(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    const std::string_view bytes = text.substr(at, c.size);
    at += c.size;
    const bool control = c.value < 0x20 || (c.value >= 0x7f && c.value < 0xa0);  // U+009B begins an escape sequence
    if (c.valid && !control)
      out += bytes;
    else if (c.value == '\n' || c.value == '\r' || c.value == '\t')
      out += c.value == '\n' ? "\\n" : c.value == '\r' ? "\\r" : "\\t";
    else
      for (const char byte : bytes) out += fmt::format("\\x{:02x}", uint8_t(byte));
  }
  return out;
}

std::string in_quotes(std::string_view text, size_t limit) {
  size_t end = 0;
  while (end < text.size()) {
    const size_t next = end + decode_utf8(text, end).size;
    if (next > limit) break;
    end = next;
  }
  return "'" + one_line(text.substr(0, end)) + (end < text.size() ? "...'" : "'");
}

}  // namespace encore
