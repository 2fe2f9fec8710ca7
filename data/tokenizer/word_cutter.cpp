#include "data/tokenizer/word_cutter.h"

#include <immintrin.h>

#include <bit>
#include <cstring>

namespace encore {
namespace {

constexpr uint64_t low_bits(size_t n) {
  return n >= 64 ? ~uint64_t(0) : (uint64_t(1) << n) - 1;
}

// Bit i: low <= bytes[i] <= low + span.
inline uint32_t in_range(__m256i bytes, char low, char span) {
  const __m256i x = _mm256_sub_epi8(bytes, _mm256_set1_epi8(low));
  return uint32_t(_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8(span)), x)));
}

inline uint32_t equal(__m256i bytes, char value) {
  return uint32_t(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(value))));
}

}  // namespace

inline WordCutter::Classes WordCutter::classify_ascii(const char* bytes) {
  Classes c{};
  for (int half = 1; half >= 0; --half) {
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes + 32 * half));
    const __m256i small = _mm256_or_si256(b, _mm256_set1_epi8(0x20));
    const uint32_t blanks = equal(b, ' ');
    c.letters = c.letters << 32 | in_range(small, 'a', 25);
    c.numbers = c.numbers << 32 | in_range(b, '0', 9);
    c.blanks = c.blanks << 32 | blanks;
    c.spaces = c.spaces << 32 | (blanks | in_range(b, '\t', '\r' - '\t'));
    c.apostrophes = c.apostrophes << 32 | equal(b, '\'');
    c.high = c.high << 32 | uint32_t(_mm256_movemask_epi8(b));
  }
  return c;
}

inline void WordCutter::add(Classes& c, uint64_t bytes, PreTokenizer::Class found) {
  if (found == PreTokenizer::kLetter) c.letters |= bytes;
  if (found == PreTokenizer::kNumber) c.numbers |= bytes;
  if (found == PreTokenizer::kSpace) c.spaces |= bytes, c.wide_spaces |= bytes;
}

bool WordCutter::followed_by_word(size_t at) const {
  unsigned size = 0;
  return at < text_.size() && pre_.class_at(text_, at, size) != PreTokenizer::kSpace;
}

// The classes of the characters that are not ASCII, one by one.
void WordCutter::add_others(Classes& c) {
  const uint64_t carried = low_bits(carried_);
  add(c, carried, carried_class_);
  carried_ = 0;
  for (uint64_t left = c.high & ~carried; left != 0;) {
    const unsigned i = unsigned(std::countr_zero(left));
    unsigned size = 0;
    const auto found = pre_.class_at(text_, at_ + i, size);
    if (found == PreTokenizer::kSpace) {
      const bool after_space = i > 0 ? (c.spaces >> (i - 1) & 1) != 0 : space_ != 0;
      if (!after_space || followed_by_word(at_ + i + size)) c.wide_starts |= uint64_t(1) << i;
    }
    const uint64_t bytes = low_bits(size) << i;
    add(c, bytes, found);
    left &= ~bytes;
    if (i + size > kBlock) carried_ = unsigned(i + size - kBlock), carried_class_ = found;
  }
}

// 's, 't, 're, 've, 'm, 'll, 'd at the start of a word are words of their own, also where letters follow.
void WordCutter::cut_contractions(uint64_t& starts, uint64_t apostrophes) {
  uint64_t forced = forced_, joined = joined_;
  forced_ = joined_ = 0;
  for (uint64_t left = apostrophes & starts; left != 0; left &= left - 1) {
    const unsigned i = unsigned(std::countr_zero(left));
    const size_t size = gpt2_contraction(text_, at_ + i);
    if (size == 0) continue;
    if (i + 1 < kBlock)
      joined |= uint64_t(1) << (i + 1);
    else
      joined_ = 1;
    if (i + size < kBlock)
      forced |= uint64_t(1) << (i + size);
    else
      forced_ |= uint64_t(1) << (i + size - kBlock);
  }
  starts = (starts & ~joined) | forced;
}

bool WordCutter::next(size_t& at, uint64_t& starts) {
  const size_t left = text_.size() - at_;
  if (left == 0) return false;
  char padded[kBlock] = {};
  const char* bytes = text_.data() + at_;
  if (left < kBlock) bytes = static_cast<const char*>(std::memcpy(padded, bytes, left));
  Classes c = classify_ascii(bytes);
  if (c.high != 0) [[unlikely]]
    add_others(c);
  const uint64_t others = ~(c.letters | c.numbers | c.spaces);
  // Letters, numbers and others start a word where the class changes, but a blank before them is part of it.
  uint64_t changes = c.letters & ~(c.letters << 1 | letter_);
  changes |= c.numbers & ~(c.numbers << 1 | number_);
  changes |= others & ~(others << 1 | other_);
  starts = changes & ~(c.blanks << 1 | blank_);
  // White space starts a word where it begins, and again at its last character where another word follows.
  uint64_t space_follows = c.spaces >> 1;
  if (left <= kBlock)
    space_follows |= uint64_t(1) << (left - 1);
  else if (c.spaces >> 63 != 0 && !followed_by_word(at_ + kBlock))
    space_follows |= uint64_t(1) << 63;
  starts |= c.spaces & ~c.wide_spaces & ~((c.spaces << 1 | space_) & space_follows);
  starts |= c.wide_starts;
  if ((c.apostrophes | forced_ | joined_) != 0) cut_contractions(starts, c.apostrophes);
  starts &= low_bits(left);
  letter_ = c.letters >> 63, number_ = c.numbers >> 63, space_ = c.spaces >> 63;
  other_ = others >> 63, blank_ = c.blanks >> 63;
  at = at_;
  at_ += left < kBlock ? left : kBlock;
  return true;
}

}  // namespace encore
