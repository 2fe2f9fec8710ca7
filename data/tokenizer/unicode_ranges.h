// The classes of code points that token ids depend on, at the Unicode version of Hugging Face's tokenizers.
//
// A table of this project's own, because that of a library changes with the distribution, and ids with it.
// scripts/unicode_classes.py makes it.
#pragma once

#include <cstdint>
#include <span>

namespace encore {

// White space is in no range: its class is fixed (data/tokenizer/pretokenizer.h).
enum class UnicodeKind : uint8_t {
  kLetter,       // \p{L}
  kWordNumber,   // \p{Nd}, \p{Nl}
  kOtherNumber,  // \p{No}: a number, but no part of a word in the sense of \w
  kOtherWord,    // the rest of \w: marks, connectors, join controls, letters in circles and squares
};

struct UnicodeRange {
  char32_t first, last;
  UnicodeKind kind;
};

const char* unicode_version();                   // "16.0.0"
std::span<const UnicodeRange> unicode_ranges();  // rising, apart from each other

}  // namespace encore
