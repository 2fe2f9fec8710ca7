#include "data/tokenizer/pretokenizer.h"

#include <string>

#include "kernels/base/check.h"
#include "kernels/base/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace encore {
namespace {

constexpr uint8_t kNonAscii = 0xff;
constexpr char32_t kCodePoints = 0x110000;

// Every code point but the surrogates, in order.
std::string all_code_points() {
  std::string text(size_t(4) * kCodePoints, '\0');
  struct Cursor {
    char* at;
    void push_back(char c) { *at++ = c; }
  } cursor{text.data()};
  for (char32_t c = 0; c < kCodePoints; ++c)
    if (c < 0xd800 || c > 0xdfff) append_utf8(cursor, c);
  text.resize(size_t(cursor.at - text.data()));
  return text;
}

// Marks with `value` the code points of every run that matches `pattern`.
void mark_runs(const std::string& pattern, const std::string& text, uint8_t value, std::vector<uint8_t>& classes) {
  int error = 0;
  PCRE2_SIZE error_at = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &error, &error_at, nullptr);
  check(code != nullptr, "PCRE2 lacks Unicode support: error {} at {} of {}", error, error_at, pattern);
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // may fail: matching is then slower
  pcre2_match_data* match = pcre2_match_data_create(1, nullptr);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t at = 0;
  while (pcre2_match(code, subject, text.size(), at, PCRE2_NO_UTF_CHECK, match, nullptr) > 0) {
    const PCRE2_SIZE* span = pcre2_get_ovector_pointer(match);
    for (at = span[0]; at < span[1];) {
      const CodePoint c = decode_utf8(text, at);
      classes[c.value] = value;
      at += c.size;
    }
  }
  pcre2_match_data_free(match);
  pcre2_code_free(code);
}

}  // namespace

const PreTokenizer& PreTokenizer::instance() {
  static const PreTokenizer instance;
  return instance;
}

PreTokenizer::PreTokenizer() : classes_(kCodePoints, uint8_t(kOther)) {
  const std::string text = all_code_points();
  mark_runs("\\p{L}+", text, kLetter, classes_);
  mark_runs("\\p{N}+", text, kNumber, classes_);
  mark_runs(std::string(kWhiteSpaceClass) + "+", text, kSpace, classes_);
  ascii_.fill(kNonAscii);
  for (size_t c = 0; c < 0x80; ++c) ascii_[c] = classes_[c];
}

PreTokenizer::Class PreTokenizer::class_at(std::string_view text, size_t at, unsigned& size) const {
  const uint8_t ascii = ascii_[static_cast<unsigned char>(text[at])];
  size = 1;
  if (ascii != kNonAscii) return Class(ascii);
  const CodePoint c = decode_utf8(text, at);
  size = c.size;
  return c.valid ? Class(classes_[c.value]) : kOther;
}

inline size_t PreTokenizer::run_end(std::string_view text, size_t at, Class wanted) const {
  while (at < text.size()) {
    const uint8_t ascii = ascii_[static_cast<unsigned char>(text[at])];
    if (ascii == wanted) {
      ++at;
      continue;
    }
    if (ascii != kNonAscii) break;
    unsigned size = 0;
    if (class_at(text, at, size) != wanted) break;
    at += size;
  }
  return at;
}

size_t PreTokenizer::word_end(std::string_view text, size_t at) const {
  if (text[at] == '\'') {
    const size_t length = gpt2_contraction(text, at);
    if (length > 0) return at + length;
  }
  unsigned size = 0;
  const Class first = class_at(text, at, size);
  if (first != kSpace) return run_end(text, at + size, first);
  if (text[at] == ' ' && at + 1 < text.size()) {
    const Class second = class_at(text, at + 1, size);
    if (second != kSpace) return run_end(text, at + 1 + size, second);
    size = 1;
  }
  // \s+(?!\S)|\s+ : the run of white space. Where a word follows, a run of several characters ends before its last.
  size_t last = at, end = at + size;
  while (end < text.size() && class_at(text, end, size) == kSpace) {
    last = end;
    end += size;
  }
  return end == text.size() || last == at ? end : last;
}

size_t PreTokenizer::trailing_space_start(std::string_view text, size_t begin, size_t end) const {
  while (end > begin) {
    size_t at = end - 1;
    while (at > begin && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
    unsigned size = 0;
    if (class_at(text, at, size) != kSpace || at + size != end) break;
    end = at;
  }
  return end;
}

size_t PreTokenizer::leading_space_end(std::string_view text, size_t begin, size_t end) const {
  unsigned size = 0;
  while (begin < end && class_at(text, begin, size) == kSpace) begin += size;
  return begin;
}

}  // namespace encore
