// The checks of lists that both backends share: every refusal names the op, the list, the index and the value.
#include "kernels/ops/list_checks.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "kernels/base/check.h"

namespace encore {
namespace {

using Ints = std::vector<int32_t>;

// The message of the Error that f throws; empty if it throws none.
std::string message(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

std::string sequences(const Ints& keys, const Ints& queries = {}, const Ints& position = {}, bool spare = false) {
  return message([&] {
    check_sequences("op", {.cu_seqlens = keys, .cu_seqlens_q = queries, .q_position = position},
                    {.tokens = 9, .queries = 3, .spare_rows = spare});
  });
}

TEST(ListChecks, SequencesCoverTheRows) {
  EXPECT_EQ(sequences({0, 4, 4, 9}), "");
  EXPECT_EQ(sequences({0, 4, 8}), "op: cu_seqlens runs from 0 to 8, not from 0 to 9");
  EXPECT_EQ(sequences({1, 4, 9}), "op: cu_seqlens runs from 1 to 9, not from 0 to 9");
  EXPECT_EQ(sequences({0, 5, 4, 9}), "op: cu_seqlens falls from 5 to 4 at sequence 1");
  EXPECT_EQ(sequences({0, 4, 8}, {}, {}, true), "") << "spare rows";
  EXPECT_EQ(sequences({0, 4, 10}, {}, {}, true), "op: cu_seqlens runs from 0 to 10, not from 0 to 9");
}

TEST(ListChecks, QueriesRiseWithinTheirSequence) {
  const Ints keys{0, 4, 9}, queries{0, 2, 3};
  EXPECT_EQ(sequences(keys, queries, {0, 3, 4}), "");
  EXPECT_EQ(sequences(keys, {0, 2, 4}, {0, 3, 4}), "op: cu_seqlens_q runs from 0 to 4, not from 0 to 3");
  EXPECT_EQ(sequences(keys, queries, {0, 4, 4}),
            "op: q_position[1] is 4: it must rise from 0 to below 4 within sequence 0");
  EXPECT_EQ(sequences(keys, queries, {3, 3, 4}),
            "op: q_position[1] is 3: it must rise from 0 to below 4 within sequence 0");
  EXPECT_EQ(sequences(keys, queries, {0, 3, -1}),
            "op: q_position[2] is -1: it must rise from 0 to below 5 within sequence 1");
}

TEST(ListChecks, SegmentsCoverTheTokensAndTheirRowsRise) {
  const auto segments = [](const Ints& start, const Ints& row) {
    return message([&] { check_segments("op", "word", start, row, {.tokens = 6, .rows = 10}); });
  };
  EXPECT_EQ(segments({0, 2, 6}, {3, 9}), "");
  EXPECT_EQ(segments({0, 2, 5}, {3, 9}), "op: word segments span 0 .. 5, not the 6 tokens");
  EXPECT_EQ(segments({0, 2, 6}, {3, 10}), "op: word segment 1 of row 10 spans 2 .. 6");
  EXPECT_EQ(segments({0, 2, 6}, {3, 3}), "op: word segment 1 of row 3 spans 2 .. 6");
  EXPECT_EQ(segments({0, 4, 2, 6}, {3, 4, 5}), "op: word segment 1 of row 4 spans 4 .. 2");
}

}  // namespace
}  // namespace encore
