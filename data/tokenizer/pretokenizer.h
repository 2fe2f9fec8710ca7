// GPT-2's pre-tokenizer: text into words, by the pattern
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// with \s = Unicode White_Space (Rust's, and so Hugging Face's: PCRE2's own \s also takes U+180E).
//
// Every code point falls into one of four classes, and the pattern is a small automaton over them. The classes are
// PCRE2's (asked once, for all code points, with UTF and UCP); the automaton is written out, because it is some thirty
// times faster than matching the pattern. data/tokenizer/word_cutter.h takes 64 bytes of a text at a time. The tests
// (tests/data/pretokenizer_test.cpp) hold both against PCRE2 with the pattern itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace encore {

inline constexpr const char* kWhiteSpaceClass =
    R"([\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}])";
// The pattern in PCRE2's spelling, for options UTF and UCP.
inline constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\p{L}\p{N}]+|[\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]+(?![^\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}])|[\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]+)";

class PreTokenizer {
 public:
  enum Class : uint8_t { kOther, kLetter, kNumber, kSpace };

  static const PreTokenizer& instance();  // built at first use, about 10 ms

  // End of the word that starts at text[at]; at < text.size(). Words cover the text: the next one starts there.
  // A byte that is not UTF-8 counts as a character of class kOther.
  size_t word_end(std::string_view text, size_t at) const;

  Class class_of(char32_t c) const { return Class(classes_[c]); }
  // Of the character at text[at], at < text.size(), and its size in bytes.
  Class class_at(std::string_view text, size_t at, unsigned& size) const;

  // Trims white space: the offset at which the white space that ends text[begin, end) starts, and where the white space
  // that starts text[begin, end) ends.
  size_t trailing_space_start(std::string_view text, size_t begin, size_t end) const;
  size_t leading_space_end(std::string_view text, size_t begin, size_t end) const;

 private:
  PreTokenizer();
  size_t run_end(std::string_view text, size_t at, Class wanted) const;

  std::array<uint8_t, 256> ascii_;  // class of an ASCII byte; kNonAscii above
  std::vector<uint8_t> classes_;    // by code point
};

// Length of 's, 't, 're, 've, 'm, 'll, 'd at text[at] (an apostrophe), or 0.
inline size_t gpt2_contraction(std::string_view text, size_t at) {
  if (at + 1 >= text.size()) return 0;
  const char a = text[at + 1];
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  if (at + 2 >= text.size()) return 0;
  const char b = text[at + 2];
  return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

}  // namespace encore
