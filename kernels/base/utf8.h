// UTF-8. Text is checked once, where it enters the program; code behind that may rely on it.
#pragma once

#include <cstddef>
#include <string_view>

namespace encore {

// Well-formed UTF-8 in Unicode's sense (no overlong forms, no surrogates, nothing past U+10FFFF).
// On false, *bad_offset (if given) is the offset of the first byte of the first ill-formed sequence.
bool valid_utf8(std::string_view text, size_t* bad_offset = nullptr);

struct CodePoint {
  char32_t value;  // the byte itself where the sequence is ill-formed
  unsigned size;   // bytes taken, at least 1
  bool valid;
};

// The code point at text[at]; at < text.size(). An ill-formed sequence yields its first byte alone.
CodePoint decode_utf8(std::string_view text, size_t at);

// Appends the UTF-8 form of a code point.
template <class String>
void append_utf8(String& out, char32_t c) {
  if (c < 0x80) {
    out.push_back(char(c));
  } else if (c < 0x800) {
    out.push_back(char(0xc0 | (c >> 6)));
    out.push_back(char(0x80 | (c & 0x3f)));
  } else if (c < 0x10000) {
    out.push_back(char(0xe0 | (c >> 12)));
    out.push_back(char(0x80 | ((c >> 6) & 0x3f)));
    out.push_back(char(0x80 | (c & 0x3f)));
  } else {
    out.push_back(char(0xf0 | (c >> 18)));
    out.push_back(char(0x80 | ((c >> 12) & 0x3f)));
    out.push_back(char(0x80 | ((c >> 6) & 0x3f)));
    out.push_back(char(0x80 | (c & 0x3f)));
  }
}

}  // namespace encore
