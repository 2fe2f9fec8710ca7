// What Python 3.11 makes of each code point, which the words of the selection depend on: its classes \w and \d, and
// str.lower(). Unicode 14.0.0, as the pinned vectors; the tokenizer's table has another version and other classes
// (data/tokenizer/unicode_ranges.h). scripts/letter_classes.py makes the table.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace encore {

// Bits of LetterRange::classes.
enum LetterClass : uint8_t {
  kWordLetter = 1,     // \w: categories L*, N*, and "_"
  kDecimalDigit = 2,   // \d: category Nd
  kCased = 4,          // Unicode's Cased, without those that are case-ignorable too
  kCaseIgnorable = 8,  // Unicode's Case_Ignorable
  kHasLower = 16,      // str.lower() changes it; set in letter_class_table() alone
};

struct LetterRange {
  char32_t first, last;
  uint8_t classes;
};

// Every `step`-th code point from first to last has its lower case at this distance.
struct CaseRange {
  char32_t first, last;
  int32_t step, distance;
};

std::span<const LetterRange> letter_ranges();  // rising, apart from each other; code points in none have no class
std::span<const CaseRange> case_ranges();      // by rising first; without U+0130, whose lower case has two code points

// The classes of every code point, [0x110000], filled in at the first call.
const std::vector<uint8_t>& letter_class_table();

}  // namespace encore
