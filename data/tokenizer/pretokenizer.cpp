#include "data/tokenizer/pretokenizer.h"

#include <algorithm>

#include "data/tokenizer/unicode_ranges.h"
#include "kernels/base/utf8.h"

namespace encore {
namespace {

constexpr uint8_t kNonAscii = 0xff;
constexpr char32_t kCodePoints = 0x110000;

// Unicode's White_Space, which no version since 6.3 has changed.
constexpr char32_t kWhiteSpace[][2] = {{0x9, 0xd},       {0x20, 0x20},     {0x85, 0x85},     {0xa0, 0xa0},
                                       {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f},
                                       {0x205f, 0x205f}, {0x3000, 0x3000}};

}  // namespace

const PreTokenizer& PreTokenizer::instance() {
  static const PreTokenizer instance;
  return instance;
}

PreTokenizer::PreTokenizer() : classes_(kCodePoints, uint8_t(kOther)) {
  for (const UnicodeRange& range : unicode_ranges()) {
    uint8_t value = kOther;
    switch (range.kind) {
      case UnicodeKind::kLetter: value = kLetter | kWordBit; break;
      case UnicodeKind::kWordNumber: value = kNumber | kWordBit; break;
      case UnicodeKind::kOtherNumber: value = kNumber; break;
      case UnicodeKind::kOtherWord: value = kOther | kWordBit; break;
    }
    std::fill(&classes_[range.first], &classes_[range.last] + 1, value);
  }
  for (const auto& [first, last] : kWhiteSpace) std::fill(&classes_[first], &classes_[last] + 1, uint8_t(kSpace));
  ascii_.fill(kNonAscii);
  for (size_t c = 0; c < 0x80; ++c) ascii_[c] = classes_[c] & kClassBits;
}

PreTokenizer::Class PreTokenizer::class_at(std::string_view text, size_t at, unsigned& size) const {
  const uint8_t ascii = ascii_[static_cast<unsigned char>(text[at])];
  size = 1;
  if (ascii != kNonAscii) return Class(ascii);
  const CodePoint c = decode_utf8(text, at);
  size = c.size;
  return c.valid ? class_of(c.value) : kOther;
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

bool PreTokenizer::starts_in_word(std::string_view text) const {
  if (text.empty()) return false;
  const CodePoint c = decode_utf8(text, 0);
  return c.valid && (classes_[c.value] & kWordBit) != 0;
}

bool PreTokenizer::ends_in_word(std::string_view text) const {
  size_t at = text.size();
  while (at > 0 && text.size() - at < 4 && (static_cast<unsigned char>(text[--at]) & 0xc0) == 0x80) {
  }
  return at < text.size() && at + decode_utf8(text, at).size == text.size() && starts_in_word(text.substr(at));
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
