#include "data/select/words/words.h"

#include <immintrin.h>

#include "data/select/words/letter_case.h"
#include "data/select/words/letter_classes.h"
#include "kernels/base/utf8.h"

namespace encore {
namespace {

constexpr size_t kBlock = 64;  // bytes of the text, bits of a mark

// A bit for each of 32 bytes that is one of a-z, 0-9 and "_", and for each that is not ASCII.
struct Marks32 {
  uint32_t word, beyond_ascii;
};

Marks32 marks_of_32(const char* text) {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text));
  // Compared as signed bytes: those beyond ASCII are below zero, and so in no range.
  const auto in_range = [&](char first, char last) {
    return _mm256_and_si256(_mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(char(first - 1))),
                            _mm256_cmpgt_epi8(_mm256_set1_epi8(char(last + 1)), bytes));
  };
  const __m256i word = _mm256_or_si256(_mm256_or_si256(in_range('a', 'z'), in_range('0', '9')),
                                       _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('_')));
  return {uint32_t(_mm256_movemask_epi8(word)), uint32_t(_mm256_movemask_epi8(bytes))};
}

}  // namespace

void WordCutter::mark(std::string_view text) {
  lower_case(text, lower_);
  const size_t size = lower_.size(), blocks = size / kBlock + 1;
  lower_.append(blocks * kBlock + kReadable - size, ' ');
  marks_.assign(blocks, 0);
  for (size_t i = 0; i < blocks; ++i) {
    const char* block = lower_.data() + kBlock * i;
    const Marks32 low = marks_of_32(block), high = marks_of_32(block + 32);
    marks_[i] |= uint64_t(high.word) << 32 | low.word;
    if (high.beyond_ascii | low.beyond_ascii) mark_letters(kBlock * i, kBlock * (i + 1));
  }
}

// Marks the letters beyond ASCII that begin in [from, to).
void WordCutter::mark_letters(size_t from, size_t to) {
  const std::vector<uint8_t>& classes = letter_class_table();
  for (size_t at = from; at < to; ++at) {
    // Not ASCII, and no byte inside of a letter.
    if (uint8_t(lower_[at]) < 0xc0) continue;
    const CodePoint c = decode_utf8(lower_, at);
    if (!c.valid || !(classes[c.value] & kWordLetter)) continue;
    for (size_t byte = at; byte < at + c.size; ++byte) marks_[byte / kBlock] |= uint64_t(1) << byte % kBlock;
  }
}

bool WordCutter::is_letters(std::string_view run, int64_t least, int64_t most) {
  const std::vector<uint8_t>& classes = letter_class_table();
  int64_t letters = 0;
  for (size_t at = 0; at < run.size(); ++letters) {
    const CodePoint c = decode_utf8(run, at);
    if (letters == most || (classes[c.value] & kDecimalDigit)) return false;
    at += c.size;
  }
  return letters >= least;
}

}  // namespace encore
