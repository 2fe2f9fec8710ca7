// SHA-256 (FIPS 180-4) of short texts. Own code, because a cryptographic library would have to be linked into every
// program for the sake of one option.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace encore {

// The digest's bytes, the most significant first.
std::array<uint8_t, 32> sha256(std::string_view text);

}  // namespace encore
