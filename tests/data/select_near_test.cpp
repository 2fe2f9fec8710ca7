// Nearest rows, and near-duplicates, on input made for the hard cases.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "data/select/near/joined_neighbours.h"
#include "data/select/near/min_hash.h"
#include "data/select/near/nearest_rows.h"
#include "data/select/near/unit_rows.h"
#include "data/select/text_choice.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

using Rows = std::vector<float>;

VectorSearch::Vectors view(const Rows& rows, int64_t columns) {
  return {.data = rows.data(), .rows = int64_t(rows.size()) / columns, .columns = columns};
}

Rows random_rows(int64_t rows, int64_t columns, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  Rows out(size_t(rows * columns));
  for (float& x : out) x = normal(engine);
  return out;
}

// By sorting all rows.
std::vector<Neighbour> sorted_rows(const float* query, VectorSearch::Vectors rows, int64_t k) {
  std::vector<Neighbour> all;
  for (int64_t r = 0; r < rows.rows; ++r) {
    const float* row = rows.data + r * rows.columns;
    all.push_back({.score = exact_cosine(query, exact_norm(query, rows.columns), row, exact_norm(row, rows.columns),
                                         rows.columns),
                   .id = r});
  }
  std::sort(all.begin(), all.end(), before);
  all.resize(size_t(k));
  return all;
}

void expect_exact(const NearestRows& found, const Rows& queries, const Rows& base, int64_t columns, int64_t k) {
  const VectorSearch::Vectors rows = view(base, columns);
  for (size_t q = 0; q < found.neighbours.of.size(); ++q) {
    const auto expected = sorted_rows(queries.data() + q * size_t(columns), rows, k);
    ASSERT_EQ(found.neighbours.of[q].size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(found.neighbours.of[q][i].id, expected[i].id) << "query " << q << " rank " << i;
      ASSERT_EQ(found.neighbours.of[q][i].score, expected[i].score);
    }
  }
}

class NearestRowsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_vector_search()) GTEST_SKIP() << "built without faiss";
    library_ = open_vector_search();
  }
  std::unique_ptr<VectorSearch> library_;
};

TEST_F(NearestRowsTest, RandomRowsOfAnyWidth) {
  for (const int64_t columns : {1, 3, 8, 31, 81, 100}) {
    const Rows base = random_rows(2000, columns, 1), queries = random_rows(30, columns, 2);
    expect_exact(nearest_rows(*library_, view(queries, columns), view(base, columns),
                              {.k = 25, .threads = 2, .block_bytes = size_t(600 * 4 * columns)}),
                 queries, base, columns, 25);
  }
}

// More equal rows than there are spare candidates, across the cut and across blocks: the lower ids count, whichever of
// them the library gives.
TEST_F(NearestRowsTest, TiesAcrossTheCut) {
  constexpr int64_t kColumns = 81, kRows = 3000;
  Rows base = random_rows(kRows, kColumns, 3);
  for (int64_t r = 100; r < kRows; r += 3) std::copy_n(base.begin(), kColumns, base.begin() + r * kColumns);
  Rows queries(base.begin(), base.begin() + kColumns);
  for (size_t c = 0; c < size_t(kColumns); ++c) queries.push_back(queries[c] + (c % 2 ? 0.5f : -0.25f));
  const NearestRows found = nearest_rows(*library_, view(queries, kColumns), view(base, kColumns),
                                         {.k = 10, .threads = 2, .block_bytes = size_t(500 * 4 * kColumns)});
  expect_exact(found, queries, base, kColumns, 10);
  EXPECT_EQ(found.scanned, 2);
}

// Cosines that single precision cannot tell apart are ordered by double precision.
TEST_F(NearestRowsTest, ScoresCloserThanSinglePrecision) {
  constexpr int64_t kColumns = 16, kRows = 1000;
  Rows base;
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t c = 0; c < kColumns; ++c)
      base.push_back(c == 0 ? 1.0f : c == 1 ? 1e-3f + 1e-6f * float((r * 617) % kRows) : 0.0f);
  Rows query(size_t(kColumns), 0.0f);
  query[0] = 1;
  const NearestRows found = nearest_rows(*library_, view(query, kColumns), view(base, kColumns), {.k = 20});
  expect_exact(found, query, base, kColumns, 20);
}

TEST_F(NearestRowsTest, ZeroRowsAndAllRows) {
  Rows base = random_rows(50, 4, 5);
  std::fill_n(base.begin() + 8, 8, 0.0f);
  Rows queries = random_rows(2, 4, 6);
  std::fill_n(queries.begin(), 4, 0.0f);
  const NearestRows found = nearest_rows(*library_, view(queries, 4), view(base, 4), {.k = 50});
  EXPECT_EQ(found.neighbours.queries_without, 1);
  EXPECT_TRUE(found.neighbours.of[0].empty());
  ASSERT_EQ(found.neighbours.of[1].size(), 50u);
  const auto expected = sorted_rows(queries.data() + 4, view(base, 4), 50);
  for (size_t i = 0; i < 50; ++i) EXPECT_EQ(found.neighbours.of[1][i].id, expected[i].id);
}

TEST_F(NearestRowsTest, AnIndexFindsMostAndSaysHowMany) {
  constexpr int64_t kColumns = 24;
  // In clusters, as embeddings are.
  const Rows centres = random_rows(40, kColumns, 9);
  Rows base = random_rows(5000, kColumns, 7), queries = random_rows(64, kColumns, 8);
  for (size_t i = 0; i < base.size(); ++i)
    base[i] = 0.3f * base[i] + centres[(i / kColumns % 40) * kColumns + i % kColumns];
  for (size_t i = 0; i < queries.size(); ++i)
    queries[i] = 0.3f * queries[i] + centres[(i / kColumns % 40) * kColumns + i % kColumns];
  const NearestRows found =
      nearest_rows(*library_, view(queries, kColumns), view(base, kColumns), {.k = 10, .threads = 2, .index = true});
  EXPECT_GT(found.recall, 0.8);
  EXPECT_LE(found.recall, 1);
  int64_t right = 0;
  for (size_t q = 0; q < 64; ++q) {
    const auto expected = sorted_rows(queries.data() + q * kColumns, view(base, kColumns), 10);
    for (const Neighbour& mine : found.neighbours.of[q])
      for (const Neighbour& other : expected)
        if (mine.id == other.id) {
          ++right;
          EXPECT_EQ(mine.score, other.score);
        }
    EXPECT_TRUE(std::is_sorted(found.neighbours.of[q].begin(), found.neighbours.of[q].end(), before));
  }
  EXPECT_NEAR(double(right) / 640, found.recall, 0.1);
}

TEST_F(NearestRowsTest, Refusals) {
  const auto message = [&](const Rows& queries, int64_t query_columns, const Rows& base, int64_t columns, int64_t k) {
    try {
      nearest_rows(*library_, view(queries, query_columns), view(base, columns), {.k = k});
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("none");
  };
  const Rows base = random_rows(10, 4, 1), query = random_rows(1, 4, 2);
  EXPECT_EQ(message(query, 4, base, 4, 11), "k is 11, and the corpus has 10 texts: choose a smaller k");
  EXPECT_EQ(message(query, 4, base, 5, 1), "the queries have 4 numbers each, and the corpus 5: embed both alike");
  Rows bad = base;
  bad[22] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(message(query, 4, bad, 4, 2),
            "row 5 of the corpus holds NaN, an infinity or numbers beyond single precision");
}

TEST(JoinedNeighbours, BestRankThenId) {
  const Neighbours found{.of = {{{.9, 5}, {.8, 2}, {.7, 7}}, {}, {{.95, 2}, {.6, 5}, {.5, 1}}}, .queries_without = 1};
  const std::vector<Joined> joined = join_neighbours(found, 3);
  std::vector<std::array<int64_t, 3>> rows;
  for (const Joined& one : joined) rows.push_back({one.id, one.rank, one.query});
  EXPECT_EQ(rows, (std::vector<std::array<int64_t, 3>>{{2, 0, 2}, {5, 0, 0}, {1, 2, 2}, {7, 2, 0}}));
  EXPECT_EQ(joined[0].score, .95);
  // A smaller k gives the beginning.
  const std::vector<Joined> fewer = join_neighbours(found, 1);
  ASSERT_EQ(fewer.size(), 2u);
  EXPECT_EQ(fewer[1].id, 5);
}

TEST(MinHash, ShinglesAndJaccard) {
  EXPECT_EQ(shingles_of("one two three four five six").size(), 2u);
  EXPECT_EQ(shingles_of("One, two; three four FIVE six!"), shingles_of("one two three four five six"));
  EXPECT_EQ(shingles_of("one two").size(), 1u);
  EXPECT_NE(shingles_of("one two"), shingles_of("two one"));
  EXPECT_TRUE(shingles_of("! a b").empty());
  EXPECT_DOUBLE_EQ(jaccard({1, 2, 3, 4}, {3, 4, 5}), 2.0 / 5);
  EXPECT_EQ(jaccard({}, {}), 0);
}

// Every pair at or above the threshold is found, but for a share that the bands may miss, and no other.
TEST(MinHash, FindsWhatTheExactIndexFinds) {
  std::mt19937 engine(4);
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i) {
    std::vector<int> words;
    for (int w = 0; w < 40; ++w) words.push_back(int(engine() % 5000));
    for (int copy = 0; copy < 3; ++copy) {
      std::string text;
      for (const int word : words) text += " w" + std::to_string(word);
      texts.push_back(text);
      for (int change = 0; change < 1 + i % 2; ++change) words[engine() % words.size()] = int(engine() % 5000);
    }
  }
  NearDuplicates near(0.7);
  int64_t pairs = 0, found = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    int64_t expected = NearDuplicates::kNone;
    for (size_t j = 0; j < i && expected < 0; ++j)
      if (jaccard(shingles_of(texts[i]), shingles_of(texts[j])) >= 0.7) expected = int64_t(j);
    const int64_t mine = near.find(texts[i]);
    pairs += expected >= 0;
    found += expected >= 0 && mine == expected;
    if (expected < 0) {
      EXPECT_EQ(mine, NearDuplicates::kNone);
    }
    near.add(texts[i]);
  }
  EXPECT_GT(pairs, 100);
  EXPECT_GE(found, pairs - 1);
  EXPECT_THROW(NearDuplicates(0), Error);
  EXPECT_THROW(NearDuplicates(1.5), Error);
}

TEST(TextChoice, Fates) {
  TextChoice choice(0.6);
  choice.add_task_text("alpha beta gamma delta epsilon zeta eta theta iota kappa", true);
  choice.add_task_text("the text of a test row that nobody may train on today", false);
  EXPECT_EQ(choice.propose("Alpha beta gamma delta epsilon zeta eta theta iota!"), TextFate::kNearDuplicate);
  EXPECT_EQ(choice.propose("the text of a test row that nobody may train on today"), TextFate::kTaskText);
  EXPECT_EQ(choice.propose("another text"), TextFate::kTaken);
  EXPECT_EQ(choice.propose("another text"), TextFate::kSameText);
  EXPECT_EQ(choice.propose("Another text."), TextFate::kNearDuplicate);
  TextChoice without(std::nullopt);
  EXPECT_EQ(without.propose("another text"), TextFate::kTaken);
  EXPECT_EQ(without.propose("Another text."), TextFate::kTaken);
}

}  // namespace
}  // namespace encore
