// Numbers as people read them, names in messages, and the softmax of reported probabilities.
#include "kernels/base/human.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/base/in_quotes.h"
#include "kernels/base/softmax.h"

namespace encore {
namespace {

TEST(Human, BytesGoUpByPowersOf1024) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1.00 KiB");
  EXPECT_EQ(human_bytes(1.53 * 1024 * 1024 * 1024), "1.53 GiB");
  EXPECT_EQ(human_bytes(std::pow(1024.0, 5)), "1024.00 TiB") << "the last unit takes the rest";
}

TEST(Human, TimeHasTwoUnits) {
  EXPECT_EQ(human_time(12.34), "12.3 s");
  EXPECT_EQ(human_time(200), "3 min 20 s");
  EXPECT_EQ(human_time(7500), "2 h 05 min");
  EXPECT_EQ(human_time(-1), "?");
  EXPECT_EQ(human_time(std::numeric_limits<double>::infinity()), "?");
}

TEST(Human, CommasGroupThousands) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(-1234567), "-1,234,567");
}

TEST(InQuotes, IsOneLineThatMovesNoCursor) {
  EXPECT_EQ(in_quotes("a b"), "'a b'");
  EXPECT_EQ(in_quotes("Größe 日本 🙂"), "'Größe 日本 🙂'") << "a label is shown as people write it";
  EXPECT_EQ(in_quotes("\n\r\t\x1b[2J\x7f"), "'\\n\\r\\t\\x1b[2J\\x7f'");
  EXPECT_EQ(in_quotes("\xc2\x9b"), "'\\xc2\\x9b'") << "U+009B";
  EXPECT_EQ(in_quotes("\xfc\xe6\x97"), "'\\xfc\\xe6\\x97'") << "no UTF-8";
  EXPECT_EQ(one_line(std::string_view("a\0b", 3)), "a\\x00b");
}

TEST(InQuotes, IsCutBetweenCharacters) {
  EXPECT_EQ(in_quotes("abcd", 4), "'abcd'");
  EXPECT_EQ(in_quotes("abcde", 4), "'abcd...'");
  EXPECT_EQ(in_quotes("ab日本", 4), "'ab...'");
  EXPECT_EQ(in_quotes("ab日本", 5), "'ab日...'");
  EXPECT_EQ(in_quotes("\x80\x80\x80\x80\x80", 2), "'\\x80\\x80...'");
}

TEST(Softmax, SumsToOneWhereExponentialsOverflow) {
  const std::vector<float> logits{1000, 999, 1000, -1000};
  const Softmax softmax(logits);
  const double e = std::exp(-1.0);
  EXPECT_EQ(softmax.argmax(), 0u) << "the first of equals";
  EXPECT_DOUBLE_EQ(softmax[0], 1 / (2 + e));
  EXPECT_DOUBLE_EQ(softmax[1], e / (2 + e));
  EXPECT_EQ(softmax[3], 0);
}

}  // namespace
}  // namespace encore
