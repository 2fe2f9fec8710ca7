// Python's lower case and words, with values that Python 3.11 gave.
#include <gtest/gtest.h>

#include "data/select/words/letter_case.h"
#include "data/select/words/letter_classes.h"
#include "data/select/words/words.h"
#include "kernels/base/utf8.h"

namespace encore {
namespace {

std::string lowered(std::string_view text) {
  std::string out;
  lower_case(text, out);
  return out;
}

std::vector<std::string> words(std::string_view text, WordPattern pattern = WordPattern::kTwoOrMore) {
  std::vector<std::string> found;
  WordCutter(pattern).cut(text, [&](std::string_view word) { found.emplace_back(word); });
  return found;
}

using Words = std::vector<std::string>;

TEST(LowerCase, LettersOfAnyLength) {
  EXPECT_EQ(lowered(""), "");
  // Every byte of ASCII, at every place of the eight that are taken at a time.
  for (size_t shift = 0; shift < 9; ++shift) {
    std::string text(shift, 'x'), expected = text;
    for (int c = 0; c < 128; ++c) {
      text += char(c);
      expected += char(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    EXPECT_EQ(lowered(text), expected) << shift;
  }
  EXPECT_EQ(lowered("NA\u00cfVE Stra\u00dfe \u01c5 \u1e9e \u2126 \U00010400"),
            "na\u00efve stra\u00dfe \u01c6 \u00df \u03c9 \U00010428");
  EXPECT_EQ(lowered("\u0130stanbul"), "i\u0307stanbul");
  EXPECT_EQ(lowered("\uff21\uff22 \u65e5\u672c"), "\uff41\uff42 \u65e5\u672c");
}

TEST(LowerCase, Sigma) {
  EXPECT_EQ(lowered("\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3"), "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2");
  EXPECT_EQ(lowered("\u03a3"), "\u03c3");        // no letter before it
  EXPECT_EQ(lowered("A\u03a3 "), "a\u03c2 ");    // the end of a word
  EXPECT_EQ(lowered("A\u03a3'"), "a\u03c2'");    // an apostrophe is case-ignorable: nothing cased follows
  EXPECT_EQ(lowered("A\u03a3'B"), "a\u03c3'b");  // and here something does
  EXPECT_EQ(lowered("A'\u03a3"), "a'\u03c2");    // passed over backwards too
  EXPECT_EQ(lowered("1\u03a3"), "1\u03c3");      // a digit is not cased
  EXPECT_EQ(lowered("A\u0301\u03a3\u0301"), "a\u0301\u03c2\u0301");
}

// Bytes that are no UTF-8 stay, and the sigma's context ends at them.
TEST(LowerCase, IllFormedBytesStay) {
  EXPECT_EQ(lowered("\xff"
                    "A\x80\x80"),
            "\xff"
            "a\x80\x80");
  EXPECT_EQ(lowered("\xce"), "\xce");
  EXPECT_EQ(lowered("A\xb7\u03a3"), "a\xb7\u03c3");
  EXPECT_EQ(words("\xff"
                  "ab\xfe"
                  "cd"),
            (Words{"ab", "cd"}));
}

// One number over every code point: its lower case, its classes, and its part in the context of a sigma. The number is
// that of Python 3.11.7, whose Unicode is 14.0.0.
TEST(LowerCase, EveryCodePointIsPythons) {
  uint64_t hash = 0xcbf29ce484222325u;
  const auto add = [&](std::string_view bytes) {
    for (const char c : bytes) hash = (hash ^ uint8_t(c)) * 0x100000001b3u;
  };
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    std::string text;
    append_utf8(text, c);
    const uint8_t classes = letter_class_table()[c];
    add(lowered(text));
    add(std::string(1, char('0' + ((classes & kWordLetter) != 0) + 2 * ((classes & kDecimalDigit) != 0))));
    add(lowered("a\u03a3" + text));
    add(lowered(text + "\u03a3"));
    add(lowered("a\u03a3" + text + "a"));
  }
  EXPECT_EQ(hash, 0x4aa8781081bc3c93u);
}

TEST(Words, TwoOrMore) {
  EXPECT_EQ(words("It's a test_case, e-mail: x y zz; don't."), (Words{"it", "test_case", "mail", "zz", "don"}));
  EXPECT_EQ(words("word2vec 42 4 3.14 1,000 _ __ _a"), (Words{"word2vec", "42", "14", "000", "__", "_a"}));
  EXPECT_EQ(words("\u0130stanbul"), (Words{"stanbul"}));  // the dot above, a mark, parts "i" from the rest
  EXPECT_EQ(words("e\u0301te\u0301 \u00e9t\u00e9"), (Words{"te", "\u00e9t\u00e9"}));
  EXPECT_EQ(words("\u00b2\u00b3 \u2177\u2177 \uff11\uff12"), (Words{"\u00b2\u00b3", "\u2177\u2177", "\uff11\uff12"}));
  EXPECT_EQ(words("zero\u200bwidth nb\u00a0sp so\u00adft \u65e5\u672c\u8a9e"),
            (Words{"zero", "width", "nb", "sp", "so", "ft", "\u65e5\u672c\u8a9e"}));
  EXPECT_EQ(words("A"), Words{});
  EXPECT_EQ(words("ab"), Words{"ab"});
  EXPECT_EQ(words(""), Words{});
}

// The text is taken 64 bytes at a time: the same words at every place, across every border.
TEST(Words, AcrossBlocks) {
  const Words expected{"abc", "\u00e9\u00e8", "d\u65e5e", std::string(70, 'z'), "\U00020000\U00020001", "end"};
  std::string text;
  for (const std::string& word : expected) text += word + " \u00e9 x \U00020000 ";
  for (size_t shift = 0; shift < 130; ++shift)
    for (const char* after : {"", ".", "\u2019", "\xe6\x97"})
      EXPECT_EQ(words(std::string(shift, ' ') + text + "end" + after),
                [&] {
                  Words all = expected;
                  all.push_back("end");
                  return all;
                }())
          << shift << after;
}

TEST(Words, ThreeToThirty) {
  const auto letters = [](std::string_view text) { return words(text, WordPattern::kThreeToThirty); };
  const std::string thirty(30, 'a');
  EXPECT_EQ(letters("ab abc " + thirty + " " + thirty + "a x1yz 123"), (Words{"abc", thirty}));
  // Counted in code points, not in bytes; other numbers than decimal digits are taken.
  EXPECT_EQ(letters("\u00e9\u00e9 \u00e9\u00e9\u00e9 \u00b2\u00b3\u00b9 \uff11abc ___"),
            (Words{"\u00e9\u00e9\u00e9", "\u00b2\u00b3\u00b9", "___"}));
}

TEST(Words, StopWordsAreSorted) {
  const auto stop = english_stop_words();
  EXPECT_EQ(stop.size(), 318u);
  EXPECT_TRUE(std::is_sorted(stop.begin(), stop.end()));
  for (const char* word : {"the", "amoungst", "couldnt", "bill", "twenty"})
    EXPECT_TRUE(std::binary_search(stop.begin(), stop.end(), std::string_view(word))) << word;
  EXPECT_FALSE(std::binary_search(stop.begin(), stop.end(), std::string_view("don")));
}

}  // namespace
}  // namespace encore
