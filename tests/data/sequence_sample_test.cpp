// Samples of a set take the right examples, unchanged.
#include "data/sequences/sequence_sample.h"

#include <numeric>

#include "data/sequences/masking.h"
#include "tests/data/data_fixtures.h"

namespace encore {
namespace {

using namespace fixtures;

// Documents of 1, 2, ..., 20 tokens, each an example.
struct Twenty {
  TempDir dir;
  std::shared_ptr<const SequenceSet> set;
  Twenty() {
    std::string text;
    for (int length = 1; length <= 20; ++length) text += std::string(size_t(length), char('a' + length - 1)) + "\n";
    const TokenCacheOptions cache{
        .corpus = {.files = {dir.write("corpus.txt", text)}}, .dir = dir.path(), .threads = 1};
    set = Dataset::open({.cache = cache, .layout = {.mode = SequenceMode::kSplit, .seq_length = 32}}, byte_tokenizer())
              .train();
  }
};

std::vector<int64_t> documents(const SequenceSet& set) {
  std::vector<int64_t> found;
  for (int64_t e = 0; e < set.examples(); ++e) found.push_back(set.document_of(set.first_sequence(e)));
  return found;
}

TEST(SpreadSample, TakesEvenlySpreadExamples) {
  const Twenty t;
  ASSERT_EQ(t.set->examples(), 20);
  EXPECT_EQ(documents(*spread_sample(t.set, 4)), (std::vector<int64_t>{0, 5, 10, 15}));
  EXPECT_EQ(documents(*spread_sample(t.set, 3)), (std::vector<int64_t>{0, 6, 13}));
  EXPECT_EQ(documents(*spread_sample(t.set, 1)), (std::vector<int64_t>{0}));
  std::vector<int64_t> all(20);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(documents(*spread_sample(t.set, 20)), all);
}

TEST(SpreadSample, HandsOutTheSetsOwnExamples) {
  const Twenty t;
  const auto sample = spread_sample(t.set, 3);
  const auto objective = make_masking({.mlm_probability = 0.3}, byte_tokenizer());
  EXPECT_EQ(sample->seq_length(), t.set->seq_length());
  EXPECT_EQ(sample->sequences(), t.set->sequences());
  const int64_t taken[] = {0, 6, 13};
  for (int64_t e = 0; e < 3; ++e) {
    PackedBatch own, whole;
    sample->append(e, 2, *objective, own);
    t.set->append(taken[e], 2, *objective, whole);
    EXPECT_EQ(own.ids, whole.ids);
    EXPECT_EQ(own.target_rows, whole.target_rows);
    EXPECT_EQ(own.example_keys, whole.example_keys) << "the same masks and dropout";
    EXPECT_EQ(sample->example_tokens(e), taken[e] + 1 + 2);
    EXPECT_EQ(sample->example_sequences(e), 1);
  }
}

TEST(SpreadSample, RefusesWhatItCannotTake) {
  const Twenty t;
  EXPECT_THROW(spread_sample(t.set, 0), Error);
  EXPECT_THROW(spread_sample(t.set, 21), Error);
}

TEST(SampleOfTokens, TakesTheSetWhereItFits) {
  const Twenty t;
  EXPECT_DOUBLE_EQ(mean_example_tokens(*t.set), 12.5);
  EXPECT_EQ(sample_of_tokens(t.set, 250), t.set);
  EXPECT_EQ(sample_of_tokens(t.set, 249)->examples(), 19);
  EXPECT_EQ(sample_of_tokens(t.set, 50)->examples(), 4);
  EXPECT_EQ(sample_of_tokens(t.set, 1)->examples(), 1);
}

// A set with more examples than could be visited one by one; products of its numbers overflow 64 bits.
class Huge final : public SequenceSet {
 public:
  int64_t examples() const override { return int64_t(1) << 50; }
  int64_t sequences() const override { return examples(); }
  int64_t seq_length() const override { return 100; }
  int64_t example_tokens(int64_t example) const override {
    EXPECT_GE(example, 0);
    EXPECT_LT(example, examples());
    return example < examples() / 2 ? 20 : 60;
  }
  int64_t example_sequences(int64_t) const override { return 1; }
  void append(int64_t, uint64_t, const Objective&, PackedBatch&) const override {}
  int64_t document_of(int64_t sequence) const override { return sequence; }
  int64_t first_sequence(int64_t example) const override { return example; }
};

TEST(SampleOfTokens, OfAVeryLongSet) {
  const auto sample = sample_of_tokens(std::make_shared<Huge>(), 4'000'000);
  ASSERT_EQ(sample->examples(), 100'000);
  EXPECT_EQ(sample->first_sequence(0), 0);
  EXPECT_EQ(sample->first_sequence(50'000), int64_t(1) << 49);
  EXPECT_EQ(sample->first_sequence(99'999),
            (int64_t(1) << 50) / 100'000 * 99'999 + ((int64_t(1) << 50) % 100'000) * 99'999 / 100'000);
  int64_t tokens = 0;
  for (int64_t e = 0; e < sample->examples(); ++e) tokens += sample->example_tokens(e);
  EXPECT_EQ(tokens, 4'000'000);
}

}  // namespace
}  // namespace encore
