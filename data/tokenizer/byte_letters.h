// GPT-2's table of bytes and letters: token files spell every byte as a printable letter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace encore {

// 33-126, 161-172 and 174-255 stand for themselves; the other 68 bytes for U+0100 on, in order.
char32_t letter_of_byte(uint8_t byte);
std::string letters_of_bytes(std::string_view bytes);  // UTF-8
// Appends the bytes. False, with nothing appended, where a letter stands for no byte.
bool bytes_of_letters(std::string_view letters, std::string& bytes);

}  // namespace encore
