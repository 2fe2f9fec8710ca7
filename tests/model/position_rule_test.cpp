#include "model/position_rule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace encore {
namespace {

constexpr int32_t kPad = 1;

// Two sequences; pad ids inside and at the end.
PackedBatch batch_with_padding() {
  PackedBatch b;
  b.ids = {0, 7, kPad, 8, 2, 0, 9, kPad};
  b.cu_seqlens = {0, 5, 8};
  b.row_position = {0, 1, 2, 3, 4, 0, 1, 2};
  return b;
}

std::vector<int32_t> positions(PositionRule rule, const PackedBatch& b) {
  std::vector<int32_t> out = {99, 99};  // what an earlier batch left
  number_positions(rule, kPad, b, out);
  return out;
}

TEST(PositionRule, AfterPadding) {
  EXPECT_EQ(positions(PositionRule::kAfterPadding, batch_with_padding()),
            (std::vector<int32_t>{2, 3, 1, 4, 5, 2, 3, 1}));
  EXPECT_EQ(first_position(PositionRule::kAfterPadding, kPad), 2);
  EXPECT_EQ(first_position(PositionRule::kAfterPadding, 0), 1);
}

TEST(PositionRule, FromZero) {
  EXPECT_EQ(positions(PositionRule::kFromZero, batch_with_padding()), (std::vector<int32_t>{0, 1, 2, 3, 4, 0, 1, 2}));
  EXPECT_EQ(first_position(PositionRule::kFromZero, kPad), 0);
}

TEST(PositionRule, GroupsInOrder) {
  HostSegments s;
  group_positions({2, 3, 1, 4, 5, 2, 3, 1}, s);
  EXPECT_EQ(s.row, (std::vector<int32_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(s.start, (std::vector<int32_t>{0, 2, 4, 6, 7, 8}));
  EXPECT_EQ(s.order, (std::vector<int32_t>{2, 7, 0, 5, 1, 6, 3, 4}));
  group_positions({}, s);
  EXPECT_EQ(s.start, (std::vector<int32_t>{0}));
  EXPECT_TRUE(s.row.empty() && s.order.empty());
}

TEST(PositionRule, GroupsAsAStableSortDoes) {
  std::mt19937 random(3);
  std::vector<int32_t> positions(1000);
  for (int32_t& p : positions) p = int32_t(random() % 40) * 3;
  std::vector<int32_t> sorted(positions.size());
  std::iota(sorted.begin(), sorted.end(), 0);
  std::stable_sort(sorted.begin(), sorted.end(), [&](int32_t a, int32_t b) { return positions[a] < positions[b]; });
  HostSegments s;
  group_positions(positions, s);
  EXPECT_EQ(s.order, sorted);
  ASSERT_EQ(s.start.size(), s.row.size() + 1);
  for (size_t i = 0; i < s.row.size(); ++i)
    for (int32_t at = s.start[i]; at < s.start[i + 1]; ++at) ASSERT_EQ(positions[s.order[at]], s.row[i]);
}

}  // namespace
}  // namespace encore
