#include "data/tokenizer/byte_letters.h"

#include <array>

#include "kernels/base/utf8.h"

namespace encore {
namespace {

struct ByteLetters {
  char32_t letter[256];
  std::array<int16_t, 0x200> byte;  // by letter; -1: none

  ByteLetters() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (unsigned b = 0; b < 256; ++b) {
      const bool itself = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      letter[b] = itself ? char32_t(b) : next++;
      byte[letter[b]] = int16_t(b);
    }
  }
};

const ByteLetters& byte_letters() {
  static const ByteLetters table;
  return table;
}

}  // namespace

char32_t letter_of_byte(uint8_t byte) {
  return byte_letters().letter[byte];
}

std::string letters_of_bytes(std::string_view bytes) {
  std::string letters;
  for (const char c : bytes) append_utf8(letters, letter_of_byte(uint8_t(c)));
  return letters;
}

bool bytes_of_letters(std::string_view letters, std::string& bytes) {
  const ByteLetters& table = byte_letters();
  const size_t before = bytes.size();
  for (size_t at = 0; at < letters.size();) {
    const CodePoint c = decode_utf8(letters, at);
    if (!c.valid || c.value >= table.byte.size() || table.byte[c.value] < 0) {
      bytes.resize(before);
      return false;
    }
    bytes.push_back(char(table.byte[c.value]));
    at += c.size;
  }
  return true;
}

}  // namespace encore
