#include "data/sequences/batching.h"

#include <algorithm>
#include <set>

#include "data/sequences/masking.h"
#include "kernels/base/rng.h"
#include "tests/data/data_fixtures.h"

namespace encore {
namespace {

using namespace fixtures;

TEST(Permutation, Bijection) {
  for (uint64_t n : {1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 100, 1023, 1024, 1025, 4097, 100003})
    for (uint64_t epoch : {0, 1, 77}) {
      const Permutation p(n, 5, epoch);
      std::vector<bool> hit(n);
      for (uint64_t i = 0; i < n; ++i) {
        const uint64_t to = p(i);
        ASSERT_LT(to, n);
        ASSERT_FALSE(hit[to]) << n << ": " << to << " twice";
        hit[to] = true;
      }
    }
}

TEST(Permutation, LargeRanges) {
  for (uint64_t n : {(uint64_t(1) << 33) + 1, (uint64_t(1) << 40) - 1}) {
    const Permutation p(n, 1, 0);
    std::set<uint64_t> seen;
    for (uint64_t i = 0; i < 2000; ++i) seen.insert(p(i)), seen.insert(p(n - 1 - i));
    EXPECT_EQ(seen.size(), 4000u);
    EXPECT_LT(*seen.rbegin(), n);
    EXPECT_GT(*seen.rbegin(), n / 2);
  }
}

TEST(Permutation, ShufflesAndDependsOnSeedAndEpoch) {
  constexpr uint64_t n = 1000;
  const auto order = [](uint64_t seed, uint64_t epoch) {
    std::vector<uint64_t> v;
    for (uint64_t i = 0; i < n; ++i) v.push_back(Permutation(n, seed, epoch)(i));
    return v;
  };
  const auto base = order(1, 0);
  for (const auto& other : {order(2, 0), order(1, 1), order(uint64_t(1) << 40 | 1, 0)}) {
    int same = 0;
    for (uint64_t i = 0; i < n; ++i) same += base[i] == other[i];
    EXPECT_LT(same, 10);
  }
  // The example at the first place, over many epochs, is spread evenly over the range.
  std::vector<double> bins(10);
  for (uint64_t epoch = 0; epoch < 10000; ++epoch) bins[Permutation(n, 3, epoch)(0) / 100] += 1;
  for (double b : bins) EXPECT_NEAR(b, 1000, 150);
  // Neighbours do not stay neighbours.
  int neighbours = 0;
  for (uint64_t i = 0; i + 1 < n; ++i) neighbours += base[i] + 1 == base[i + 1];
  EXPECT_LT(neighbours, 10);
}

TEST(StepOrder, CoversEveryExampleOnceAnEpochForAnyRanks) {
  for (int64_t n : {1, 7, 64, 101})
    for (int64_t batch : {1, 8, 13, 300}) {
      const int64_t epochs = 3;
      const StepOrder order(n, batch, epochs * n, 9);
      EXPECT_EQ(order.steps(), (epochs * n + batch - 1) / batch);
      std::vector<std::vector<std::pair<uint64_t, int64_t>>> runs;
      for (int ranks : {1, 2, 3, 8}) {
        auto& places = runs.emplace_back();
        for (int64_t s = 0; s < order.steps(); ++s) {
          size_t least = SIZE_MAX, most = 0;
          for (int rank = 0; rank < ranks; ++rank) {
            const auto share = order.examples(s, rank, ranks);
            least = std::min(least, share.size());
            most = std::max(most, share.size());
            for (const ExampleRef& ref : share) places.push_back({ref.epoch, ref.example});
          }
          EXPECT_LE(most - least, 1u);
        }
        EXPECT_EQ(places, runs.front()) << "the ranks together take the examples of one rank, in its order";
      }
      auto sorted = runs.front();
      std::sort(sorted.begin(), sorted.end());
      ASSERT_EQ(int64_t(sorted.size()), epochs * n);
      for (int64_t i = 0; i < epochs * n; ++i) {
        ASSERT_EQ(sorted[i].first, uint64_t(i / n));
        ASSERT_EQ(sorted[i].second, i % n);
      }
    }
}

TEST(StepOrder, Errors) {
  expect_parts(error_of([] { StepOrder(0, 1, 1, 0); }), {"no examples"});
  expect_parts(error_of([] { StepOrder(5, 0, 1, 0); }), {"steps of 0 examples"});
  const StepOrder order(5, 2, 5, 0);
  EXPECT_EQ(order.steps(), 3);
  EXPECT_EQ(order.examples(2).size(), 1u);
  error_of([&] { order.examples(3); });
  error_of([&] { order.examples(0, 2, 2); });
}

class Batches : public testing::Test {
 protected:
  Batches() {
    std::string text;
    for (int i = 0; i < 200; ++i) text += std::string(size_t(5 + i * 7 % 90), char('a' + i % 26)) + " x\n";
    const TokenCacheOptions cache{.corpus = {.files = {dir_.write("a.txt", text)}}, .dir = dir_.path(), .threads = 1};
    set_ = Dataset::open({.cache = cache, .layout = {.seq_length = 48}}, byte_tokenizer()).train();
  }
  TempDir dir_;
  std::shared_ptr<const SequenceSet> set_;
  std::shared_ptr<const Objective> objective_ = make_masking({.seed = 4}, byte_tokenizer());
};

TEST_F(Batches, BudgetIsKeptAndOrderToo) {
  const StepOrder order(set_->examples(), 40, set_->examples(), 1);
  const auto examples = order.examples(0);
  int64_t three = 0;  // a budget that three examples fill exactly
  for (int e = 0; e < 3; ++e) three += set_->example_tokens(examples[size_t(e)].example);
  for (int64_t budget : {int64_t(48), int64_t(100), three, int64_t(1000), int64_t(100000)}) {
    std::vector<int64_t> got, wanted;
    const auto batches = micro_batches(examples, *set_, budget);
    for (size_t b = 0; b < batches.size(); ++b) {
      int64_t tokens = 0;
      for (const ExampleRef& ref : batches[b]) {
        got.push_back(ref.example);
        tokens += set_->example_tokens(ref.example);
      }
      ASSERT_GT(tokens, 0);
      ASSERT_LE(tokens, budget);
      if (b + 1 < batches.size()) {
        ASSERT_GT(tokens + set_->example_tokens(batches[b + 1].front().example), budget) << "filled up";
      }
      ASSERT_EQ(make_batch(batches[b], *set_, *objective_).tokens(), tokens);
    }
    for (const ExampleRef& ref : examples) wanted.push_back(ref.example);
    EXPECT_EQ(got, wanted);
  }
  expect_parts(error_of([&] { micro_batches(examples, *set_, 20); }), {"batches of 20 tokens", "48"});
}

TEST_F(Batches, MasksDoNotDependOnRanksOrMicroBatches) {
  const StepOrder order(set_->examples(), 40, 2 * set_->examples(), 1);
  for (int64_t step : {int64_t(0), order.steps() / 2, order.steps() - 1}) {
    const PackedBatch whole = make_batch(order.examples(step), *set_, *objective_);
    for (int ranks : {1, 2, 5})
      for (int64_t budget : {48, 200}) {
        std::vector<int32_t> ids, labels, rows;
        std::vector<uint64_t> keys;
        int64_t targets = 0;
        for (int rank = 0; rank < ranks; ++rank) {
          const auto share = order.examples(step, rank, ranks);
          targets += count_targets(share, *set_, *objective_);
          for (const auto& micro : micro_batches(share, *set_, budget)) {
            const PackedBatch batch = make_batch(micro, *set_, *objective_);
            for (int32_t r : batch.target_rows) rows.push_back(r + int32_t(ids.size()));
            ids.insert(ids.end(), batch.ids.begin(), batch.ids.end());
            labels.insert(labels.end(), batch.target_labels.begin(), batch.target_labels.end());
            keys.insert(keys.end(), batch.example_keys.begin(), batch.example_keys.end());
          }
        }
        EXPECT_EQ(ids, whole.ids);
        EXPECT_EQ(rows, whole.target_rows);
        EXPECT_EQ(labels, whole.target_labels);
        EXPECT_EQ(keys, whole.example_keys);
        EXPECT_EQ(targets, whole.targets());
      }
  }
}

TEST_F(Batches, EpochsAreMaskedAnew) {
  PackedBatch a, b;
  for (int64_t e = 0; e < 10; ++e) set_->append(e, 0, *objective_, a), set_->append(e, 1, *objective_, b);
  EXPECT_EQ(a.cu_seqlens, b.cu_seqlens);
  EXPECT_NE(a.target_rows, b.target_rows);
}

TEST_F(Batches, WellFormed) {
  const PackedBatch batch = make_batch(StepOrder(set_->examples(), 30, 30, 1).examples(0), *set_, *objective_);
  ASSERT_EQ(batch.cu_seqlens.front(), 0);
  ASSERT_EQ(batch.cu_seqlens.back(), batch.tokens());
  ASSERT_EQ(int64_t(batch.example_keys.size()), batch.sequences());
  EXPECT_EQ(std::set<uint64_t>(batch.example_keys.begin(), batch.example_keys.end()).size(), batch.example_keys.size());
  EXPECT_TRUE(std::is_sorted(batch.target_rows.begin(), batch.target_rows.end()));
  for (int64_t n = 0; n < batch.sequences(); ++n) {
    EXPECT_EQ(batch.ids[batch.cu_seqlens[n]], kBos);
    EXPECT_EQ(batch.ids[batch.cu_seqlens[n + 1] - 1], kEos);
    EXPECT_EQ(batch.row_position[batch.cu_seqlens[n]], 0);
  }
}

}  // namespace
}  // namespace encore
