#include "kernels/base/utf8.h"

#include <simdjson.h>

namespace encore {

CodePoint decode_utf8(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return char32_t(static_cast<unsigned char>(text[at + i])); };
  const auto follows = [&](size_t i) { return at + i < text.size() && (byte(i) & 0xc0) == 0x80; };
  const char32_t c = byte(0);
  const CodePoint bad{c, 1, false};
  if (c < 0x80) return {c, 1, true};
  if (c < 0xc2 || c > 0xf4 || !follows(1)) return bad;
  if (c < 0xe0) return {((c & 0x1f) << 6) | (byte(1) & 0x3f), 2, true};
  if (!follows(2)) return bad;
  if (c < 0xf0) {
    const char32_t value = ((c & 0x0f) << 12) | ((byte(1) & 0x3f) << 6) | (byte(2) & 0x3f);
    const bool ok = value >= 0x800 && (value < 0xd800 || value > 0xdfff);
    return ok ? CodePoint{value, 3, true} : bad;
  }
  if (!follows(3)) return bad;
  const char32_t value = ((c & 0x07) << 18) | ((byte(1) & 0x3f) << 12) | ((byte(2) & 0x3f) << 6) | (byte(3) & 0x3f);
  return value >= 0x10000 && value <= 0x10ffff ? CodePoint{value, 4, true} : bad;
}

bool valid_utf8(std::string_view text, size_t* bad_offset) {
  if (simdjson::validate_utf8(text.data(), text.size())) return true;
  size_t at = 0;
  while (at < text.size()) {
    const CodePoint c = decode_utf8(text, at);
    if (!c.valid) break;
    at += c.size;
  }
  if (bad_offset) *bad_offset = at;
  return false;
}

}  // namespace encore
