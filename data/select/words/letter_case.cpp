#include "data/select/words/letter_case.h"

#include <algorithm>
#include <cstring>

#include "data/select/words/letter_classes.h"
#include "kernels/base/utf8.h"

namespace encore {
namespace {

constexpr char32_t kCapitalIWithDot = 0x130, kDotAbove = 0x307;
constexpr char32_t kCapitalSigma = 0x3a3, kSigma = 0x3c3, kFinalSigma = 0x3c2;

constexpr uint64_t eight(uint64_t byte) {
  return byte * 0x0101010101010101u;
}

// How many of the first bytes are ASCII.
size_t ascii_size(std::string_view text) {
  size_t size = 0;
  for (uint64_t bytes; size + sizeof bytes <= text.size(); size += sizeof bytes) {
    std::memcpy(&bytes, text.data() + size, sizeof bytes);
    if (bytes & eight(0x80)) break;
  }
  while (size < text.size() && uint8_t(text[size]) < 0x80) ++size;
  return size;
}

// In place, eight bytes at a time.
void lower_ascii(char* text, size_t size) {
  uint64_t bytes;
  size_t at = 0;
  for (; at + sizeof bytes <= size; at += sizeof bytes) {
    std::memcpy(&bytes, text + at, sizeof bytes);
    // No sum carries into the next byte, since every byte is below 0x80. The top bit of a byte: at least "A", over "Z".
    const uint64_t from_a = bytes + eight(0x80 - 'A'), over_z = bytes + eight(0x7f - 'Z');
    bytes += (from_a & ~over_z & eight(0x80)) >> 2;
    std::memcpy(text + at, &bytes, sizeof bytes);
  }
  for (; at < size; ++at)
    if (text[at] >= 'A' && text[at] <= 'Z') text[at] = char(text[at] + ('a' - 'A'));
}

uint8_t classes_of(const CodePoint& c) {
  return c.valid ? letter_class_table()[c.value] : 0;
}

// The code point that ends before `end`, which is above 0.
CodePoint code_point_before(std::string_view text, size_t end) {
  size_t at = end - 1;
  for (int back = 0; back < 3 && at > 0 && (uint8_t(text[at]) & 0xc0) == 0x80; ++back) --at;
  const CodePoint c = decode_utf8(text, at);
  return c.valid && at + c.size == end ? c : CodePoint{.value = uint8_t(text[end - 1]), .size = 1, .valid = false};
}

bool cased_before(std::string_view text, size_t at) {
  while (at > 0) {
    const CodePoint c = code_point_before(text, at);
    if (!(classes_of(c) & kCaseIgnorable)) return classes_of(c) & kCased;
    at -= c.size;
  }
  return false;
}

bool cased_after(std::string_view text, size_t at) {
  while (at < text.size()) {
    const CodePoint c = decode_utf8(text, at);
    if (!(classes_of(c) & kCaseIgnorable)) return classes_of(c) & kCased;
    at += c.size;
  }
  return false;
}

char32_t lower_of(char32_t c) {
  const auto ranges = case_ranges();
  const auto range = std::partition_point(ranges.begin(), ranges.end(), [&](const CaseRange& r) { return r.last < c; });
  const bool inside = range != ranges.end() && range->first <= c && (c - range->first) % char32_t(range->step) == 0;
  return inside ? char32_t(int64_t(c) + range->distance) : c;
}

}  // namespace

const std::vector<uint8_t>& letter_class_table() {
  static const std::vector<uint8_t> table = [] {
    std::vector<uint8_t> classes(0x110000);
    for (const LetterRange& range : letter_ranges())
      std::fill(classes.begin() + range.first, classes.begin() + range.last + 1, range.classes);
    for (const CaseRange& range : case_ranges())
      for (char32_t c = range.first; c <= range.last; c += char32_t(range.step)) classes[c] |= kHasLower;
    classes[kCapitalIWithDot] |= kHasLower;
    return classes;
  }();
  return table;
}

void lower_case(std::string_view text, std::string& out) {
  out.clear();
  for (size_t at = 0; at < text.size();) {
    if (const size_t ascii = ascii_size(text.substr(at)); ascii > 0) {
      out.append(text, at, ascii);
      lower_ascii(out.data() + out.size() - ascii, ascii);
      at += ascii;
      continue;
    }
    const CodePoint c = decode_utf8(text, at);
    if (!(classes_of(c) & kHasLower)) {
      out.append(text.substr(at, c.size));
    } else if (c.value == kCapitalSigma) {
      const bool final = cased_before(text, at) && !cased_after(text, at + c.size);
      append_utf8(out, final ? kFinalSigma : kSigma);
    } else if (c.value == kCapitalIWithDot) {
      append_utf8(out, U'i');
      append_utf8(out, kDotAbove);
    } else {
      append_utf8(out, lower_of(c.value));
    }
    at += c.size;
  }
}

}  // namespace encore
