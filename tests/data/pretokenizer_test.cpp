// The written-out automaton against PCRE2 with GPT-2's pattern itself.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "data/tokenizer/pretokenizer.h"

#include <gtest/gtest.h>
#include <pcre2.h>

#include <bit>
#include <random>
#include <string>
#include <vector>

#include "data/tokenizer/unicode_ranges.h"
#include "data/tokenizer/word_cutter.h"
#include "kernels/base/utf8.h"

namespace encore {
namespace {

using Words = std::vector<std::string>;

class Pcre2 {
 public:
  explicit Pcre2(const char* pattern = kGpt2Pattern) {
    int error = 0;
    PCRE2_SIZE at = 0;
    code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error,
                          &at, nullptr);
    EXPECT_NE(code_, nullptr) << "error " << error << " at " << at;
    pcre2_jit_compile(code_, PCRE2_JIT_COMPLETE);
    match_ = pcre2_match_data_create(1, nullptr);
  }
  ~Pcre2() {
    pcre2_match_data_free(match_);
    pcre2_code_free(code_);
  }

  bool matches(const std::string& text) const {
    return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, match_, nullptr) > 0;
  }

  Words split(const std::string& text) const {
    Words words;
    size_t at = 0;
    while (at < text.size() &&
           pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, 0, match_, nullptr) > 0) {
      const PCRE2_SIZE* span = pcre2_get_ovector_pointer(match_);
      EXPECT_EQ(span[0], at) << "the pattern leaves a gap";
      words.push_back(text.substr(span[0], span[1] - span[0]));
      at = span[1];
    }
    EXPECT_EQ(at, text.size());
    return words;
  }

 private:
  pcre2_code* code_;
  pcre2_match_data* match_;
};

std::string unicode_version_of_pcre2() {
  char version[32] = {};
  pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, version);
  return version;
}

Words split_by_blocks(std::string_view text) {
  Words words;
  WordCutter cutter(PreTokenizer::instance(), text);
  size_t begin = 0, at = 0;
  for (uint64_t starts; cutter.next(at, starts);) {
    EXPECT_TRUE(at > 0 || (starts & 1) != 0) << "the text starts a word: " << text;
    for (; starts != 0; starts &= starts - 1) {
      const size_t start = at + size_t(std::countr_zero(starts));
      EXPECT_LT(start, text.size());
      if (start > begin) words.emplace_back(text.substr(begin, start - begin));
      begin = start;
    }
  }
  if (begin < text.size()) words.emplace_back(text.substr(begin));
  return words;
}

// Words by word_end, which must agree with WordCutter.
Words split(std::string_view text) {
  Words words;
  for (size_t at = 0; at < text.size();) {
    const size_t end = PreTokenizer::instance().word_end(text, at);
    EXPECT_GT(end, at);
    words.emplace_back(text.substr(at, end - at));
    at = end;
  }
  EXPECT_EQ(split_by_blocks(text), words) << text;
  return words;
}

TEST(PreTokenizer, CutsAsDocumented) {
  EXPECT_EQ(split("I can't  see 'SOME 12ab..\n\n x "),
            (Words{"I", " can", "'t", " ", " see", " '", "SOME", " 12", "ab", "..", "\n\n", " x", " "}));
  EXPECT_EQ(split("we've they'll 'd'Re"), (Words{"we", "'ve", " they", "'ll", " '", "d", "'", "Re"}));
  EXPECT_EQ(split(" \t a"), (Words{" \t", " a"}));
  EXPECT_EQ(split("a\tb\u00a0 c"), (Words{"a", "\t", "b", "\u00a0", " c"}));
  EXPECT_EQ(split(""), Words{});
}

TEST(PreTokenizer, WhiteSpaceIsUnicodesWithoutU180E) {
  const PreTokenizer& pre = PreTokenizer::instance();
  size_t count = 0;
  for (char32_t c = 0; c < 0x110000; ++c) count += pre.class_of(c) == PreTokenizer::kSpace;
  EXPECT_EQ(count, 25u);
  for (const char32_t c : {0x9, 0xd, 0x20, 0x85, 0xa0, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000})
    EXPECT_EQ(pre.class_of(c), PreTokenizer::kSpace) << std::hex << uint32_t(c);
  for (const char32_t c : {0x180e, 0x200b, 0xfeff, 0x1c, 0x1f})
    EXPECT_NE(pre.class_of(c), PreTokenizer::kSpace) << std::hex << uint32_t(c);
}

// Compares the code points that are assigned in PCRE2's version of Unicode too: Debian 12 has 14.0, Debian 13 has 16.0.
TEST(PreTokenizer, EveryCodePointAsPcre2) {
  const Pcre2 reference, unassigned("\\p{Cn}");
  const bool same_version = unicode_version_of_pcre2() == unicode_version();
  std::string text;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    std::string one;
    append_utf8(one, c);
    if (!same_version && unassigned.matches(one)) continue;
    append_utf8(text, c);
    text += " ";
    append_utf8(text, c);
    text += c % 3 == 0 ? "a" : c % 3 == 1 ? "1" : " ";
    if (text.size() < 4000) continue;
    ASSERT_EQ(split(text), reference.split(text)) << "up to U+" << std::hex << uint32_t(c);
    text.clear();
  }
}

// The numbers that tokenizers 0.23 shows for its ByteLevel pre-tokenizer, code point by code point.
TEST(PreTokenizer, TableOfThePinnedUnicodeVersion) {
  EXPECT_STREQ(unicode_version(), "16.0.0");
  const PreTokenizer& pre = PreTokenizer::instance();
  size_t letters = 0, numbers = 0;
  for (char32_t c = 0; c < 0x110000; ++c) {
    letters += pre.class_of(c) == PreTokenizer::kLetter;
    numbers += pre.class_of(c) == PreTokenizer::kNumber;
  }
  EXPECT_EQ(letters, 141028u);
  EXPECT_EQ(numbers, 1911u);
  EXPECT_EQ(pre.class_of(0x105c0), PreTokenizer::kLetter) << "Todhri, new in 16.0";
  EXPECT_EQ(pre.class_of(0x10d40), PreTokenizer::kNumber) << "a digit of Garay, new in 16.0";
  EXPECT_EQ(pre.class_of(0x323b0), PreTokenizer::kOther) << "a letter from 17.0 on";
  char32_t next = 0;
  for (const UnicodeRange& range : unicode_ranges()) {
    EXPECT_GE(range.first, next) << "rising, and apart";
    EXPECT_GE(range.last, range.first);
    next = range.last + 1;
  }
}

// \w as the regex crate of tokenizers has it; single_word tokens depend on it.
TEST(PreTokenizer, WordCharacters) {
  const PreTokenizer& pre = PreTokenizer::instance();
  for (const char* in : {"a", "_", "0", "\u0301", "\u203f", "\u200d", "\u24b6", "\u2160", "\u4e2d", "x\u0903"}) {
    EXPECT_TRUE(pre.ends_in_word(in)) << in;
    EXPECT_TRUE(pre.starts_in_word(in)) << in;
  }
  for (const char* out : {"-", " ", "\u00bd", "\u20ac", "\U0001f600", "\u3000", "\xff", ""}) {
    EXPECT_FALSE(pre.ends_in_word(out)) << out;
    EXPECT_FALSE(pre.starts_in_word(out)) << out;
  }
  EXPECT_FALSE(pre.ends_in_word("a\x80")) << "not UTF-8";
}

TEST(PreTokenizer, RandomTextAsPcre2) {
  const Pcre2 reference;
  std::mt19937 random(1);
  const std::u32string usual = U"  \t\n\u00a0\u3000\u180e'''stmdrevl aZ0\u00e9\u4e2d\u0967\u00bd.,!\U0001f600\u0301";
  for (int trial = 0; trial < 20000; ++trial) {
    std::string text;
    // Every tenth is longer than the 64 bytes that WordCutter takes at a time.
    for (unsigned length = random() % (trial % 10 == 0 ? 400 : 40); length > 0; --length)
      append_utf8(text, usual[random() % usual.size()]);
    ASSERT_EQ(split(text), reference.split(text)) << text;
  }
}

// Words across the edge of a block: each pattern at each place around it.
TEST(PreTokenizer, EdgesOfBlocksAsPcre2) {
  const Pcre2 reference;
  const Words patterns = {"'s",          "'sx",     "'ll",           "'llx",          "'re's",        "''s",
                          " 's",         "a's",     "\t's",          "  x",           " \t x",        "\n\n",
                          "\n \n",       "    ",    "1a.",           "x 1 . y",       "\u00e9",       "\u00e9a",
                          "\u3000",      "\u3000x", " \u3000 ",      "\u3000\u3000x", "\u00a0\n1",    "\U0001f600",
                          "\U0001d7d81", "a\u0301", "\u0967\u0967 ", "\u4e2d\u6587",  "\u180e \u180e"};
  for (const std::string& pattern : patterns)
    for (const std::string fill : {"a", " ", "1", ".", "'", "\n"})
      for (size_t before = 56; before <= 66; ++before)
        for (const char* after : {"", "b", " ", "''", " b"}) {
          std::string text;
          for (size_t i = 0; i < before; ++i) text += fill;
          text += pattern + after;
          ASSERT_EQ(split(text), reference.split(text)) << text;
        }
}

TEST(PreTokenizer, BytesThatAreNotUtf8StillCoverTheText) {
  std::mt19937 random(2);
  for (int trial = 0; trial < 5000; ++trial) {
    std::string text;
    for (unsigned length = random() % 160; length > 0; --length)
      text.push_back(char(random() % 3 == 0 ? ' ' : random() % 256));
    std::string joined;
    for (const std::string& word : split(text)) joined += word;
    ASSERT_EQ(joined, text);
  }
}

TEST(Utf8, FindsTheFirstIllFormedByte) {
  const auto bad = [](std::string_view text) {
    size_t offset = 999;
    return valid_utf8(text, &offset) ? size_t(1000) : offset;
  };
  EXPECT_EQ(bad(""), 1000u);
  EXPECT_EQ(bad("a\u00e9\u4e2d\U0001f600\U0010ffff"), 1000u);
  EXPECT_EQ(bad("ab\xff"), 2u);
  EXPECT_EQ(bad("\xc0\x80"), 0u) << "overlong";
  EXPECT_EQ(bad("x\xe0\x80\x80"), 1u) << "overlong";
  EXPECT_EQ(bad("x\xed\xa0\x80"), 1u) << "surrogate";
  EXPECT_EQ(bad("\xf4\x90\x80\x80"), 0u) << "past U+10FFFF";
  EXPECT_EQ(bad("\u4e2d\xe4\xb8"), 3u) << "cut short";
  EXPECT_EQ(bad("\x80"), 0u) << "lone continuation";
}

}  // namespace
}  // namespace encore
