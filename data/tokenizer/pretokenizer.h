// GPT-2's pre-tokenizer: text into words, by the pattern
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// with \s = Unicode White_Space (Rust's, and so Hugging Face's: PCRE2's own \s also takes U+180E).
//
// Every code point belongs to one of four classes, and the pattern is a small automaton over them. The classes come
// from a pinned table (data/tokenizer/unicode_ranges.h). The automaton is written by hand, because that is about thirty
// times as fast as matching the pattern. data/tokenizer/word_cutter.h does the same for 64 bytes at a time.
// tests/data/pretokenizer_test.cpp compares both with PCRE2 and the pattern itself.
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

  static const PreTokenizer& instance();  // built at first use, about 1 ms

  // End of the word that starts at text[at]; at < text.size(). Words cover the text: the next one starts there.
  // A byte that is not UTF-8 counts as a character of class kOther.
  size_t word_end(std::string_view text, size_t at) const;

  Class class_of(char32_t c) const { return Class(classes_[c] & kClassBits); }
  // The class of the character at text[at], at < text.size(), and its size in bytes.
  Class class_at(std::string_view text, size_t at, unsigned& size) const;

  // Whether the text ends, or starts, with a character of Rust's \w (a letter, mark, digit, connector, ...).
  bool ends_in_word(std::string_view text) const;
  bool starts_in_word(std::string_view text) const;

  // The start of the white space at the end of text[begin, end), and the end of that at its beginning.
  size_t trailing_space_start(std::string_view text, size_t begin, size_t end) const;
  size_t leading_space_end(std::string_view text, size_t begin, size_t end) const;

 private:
  // What a place of classes_ holds: a Class, and whether the code point belongs to \w.
  static constexpr uint8_t kClassBits = 3, kWordBit = 4;

  PreTokenizer();
  size_t run_end(std::string_view text, size_t at, Class wanted) const;

  std::array<uint8_t, 256> ascii_;  // class of an ASCII byte; kNonAscii above
  std::vector<uint8_t> classes_;    // by code point: Class, kWordBit
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
