#include "data/sequences/masking.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "kernels/base/rng.h"
#include "tests/data/data_fixtures.h"

namespace encore {
namespace {

using namespace fixtures;

struct Masked {
  std::vector<int32_t> ids, positions, labels;
};

using Shared = std::shared_ptr<const Objective>;

Masked mask(const Shared& masking, std::vector<int32_t> ids, const std::vector<uint8_t>& words, uint64_t key) {
  Masked out{std::move(ids), {}, {}};
  masking->apply({.ids = out.ids, .word_starts = words, .key = key}, out.positions, out.labels);
  return out;
}

constexpr int32_t kVocab = 1000, kMaskId = 999;

Shared masking_with(MaskingOptions options) {
  std::vector<uint8_t> special(kVocab);
  for (int id : {0, 1, 2, 3, kMaskId, 500}) special[id] = 1;
  return make_masking(options, kMaskId, special);
}

// <s>, n ordinary tokens, </s>.
std::vector<int32_t> sequence(int n) {
  std::vector<int32_t> ids{0};
  for (int i = 0; i < n; ++i) ids.push_back(4 + i % 400);
  ids.push_back(2);
  return ids;
}

// |count - n p| within 5 standard deviations of a binomial.
void expect_share(double count, double n, double p, const char* what) {
  EXPECT_LT(std::abs(count - n * p), 5 * std::sqrt(n * p * (1 - p)) + 1) << what << ": " << count << " of " << n;
}

TEST(Masking, SharesAndUniformReplacement) {
  const Shared masking = masking_with({.seed = 7});
  const auto ids = sequence(500);
  double tokens = 0, targets = 0, masks = 0, randoms = 0, kept = 0;
  std::map<int32_t, int> drawn;
  for (uint64_t s = 0; s < 4000; ++s) {
    const Masked m = mask(masking, ids, {}, example_key(s % 3, s));
    tokens += 500;
    targets += double(m.positions.size());
    for (size_t t = 0; t < m.positions.size(); ++t) {
      const int32_t now = m.ids[m.positions[t]];
      ASSERT_EQ(m.labels[t], ids[m.positions[t]]);
      masks += now == kMaskId;
      kept += now == m.labels[t];
      randoms += now != kMaskId && now != m.labels[t];
      if (now != kMaskId && now != m.labels[t]) ++drawn[now];
    }
  }
  expect_share(targets, tokens, 0.15, "targets");
  expect_share(masks, targets, 0.8, "<mask>");
  // A random id is the true one once in 994 draws.
  expect_share(randoms, targets, 0.1 * (1 - 1.0 / 994), "random");
  expect_share(kept, targets, 0.1 + 0.1 / 994, "kept");
  for (int id : {0, 1, 2, 3, 500, kMaskId}) EXPECT_EQ(drawn.count(id), 0u) << "special " << id << " was drawn";
  ASSERT_EQ(drawn.size(), 994u) << "every ordinary id is drawn, the first and the last too";
  double chi2 = 0;
  const double expected = randoms / 994;
  for (const auto& [id, n] : drawn) chi2 += (n - expected) * (n - expected) / expected;
  // Ids of the text are counted a little less, since a draw of the true id is invisible: far below this bound.
  EXPECT_LT(std::abs(chi2 - 993), 6 * std::sqrt(2.0 * 993));
}

TEST(Masking, EveryPositionAlike) {
  const Shared masking = masking_with({.mlm_probability = 0.3, .seed = 3});
  const auto ids = sequence(64);
  std::vector<double> hits(66);
  constexpr int kRuns = 20000;
  for (uint64_t s = 0; s < kRuns; ++s)
    for (int32_t p : mask(masking, ids, {}, example_key(0, s)).positions) hits[p] += 1;
  EXPECT_EQ(hits.front(), 0);
  EXPECT_EQ(hits.back(), 0);
  for (int p = 1; p <= 64; ++p) expect_share(hits[p], kRuns, 0.3, "position");
}

TEST(Masking, SpecialsAreNeverTargets) {
  const Shared masking = masking_with({.mlm_probability = 1, .mask_share = 1, .random_share = 0});
  const Masked m = mask(masking, {0, 10, 500, 11, kMaskId, 2, 1, 1}, {}, 5);
  EXPECT_EQ(m.positions, (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(m.labels, (std::vector<int32_t>{10, 11}));
  EXPECT_EQ(m.ids, (std::vector<int32_t>{0, kMaskId, 500, kMaskId, kMaskId, 2, 1, 1}));
}

TEST(Masking, PureFunctionOfSeedKeyAndPosition) {
  const auto ids = sequence(300);
  const Masked a = mask(masking_with({.seed = 1}), ids, {}, example_key(2, 9));
  const Masked again = mask(masking_with({.seed = 1}), ids, {}, example_key(2, 9));
  EXPECT_EQ(a.ids, again.ids);
  EXPECT_EQ(a.positions, again.positions);
  EXPECT_NE(a.positions, mask(masking_with({.seed = 2}), ids, {}, example_key(2, 9)).positions);
  EXPECT_NE(a.positions, mask(masking_with({.seed = 1}), ids, {}, example_key(3, 9)).positions);
  EXPECT_NE(a.positions, mask(masking_with({.seed = 1}), ids, {}, example_key(2, 10)).positions);
  // A prefix is masked as the whole is.
  const std::vector<int32_t> head(ids.begin(), ids.begin() + 100);
  const Masked b = mask(masking_with({.seed = 1}), head, {}, example_key(2, 9));
  EXPECT_TRUE(std::equal(b.ids.begin(), b.ids.end(), a.ids.begin()));
}

// Recorded values: a change of them changes every run.
TEST(Masking, Pinned) {
  const Masked m = mask(masking_with({.seed = 42}), sequence(40), {}, example_key(1, 1234));
  EXPECT_EQ(m.positions, (std::vector<int32_t>{8, 19, 33, 36}));
  const std::vector<int32_t> now{m.ids[8], m.ids[19], m.ids[33], m.ids[36]};
  EXPECT_EQ(now, (std::vector<int32_t>{916, kMaskId, 450, 39}));  // random, <mask>, random, kept
}

TEST(Masking, WholeWords) {
  const Shared masking = masking_with({.mlm_probability = 0.2, .unit = MaskUnit::kWord, .seed = 11});
  auto ids = sequence(0);
  ids.pop_back();
  std::vector<uint8_t> words{1};
  std::vector<int> word_of{-1};
  for (int w = 0; w < 120; ++w)
    for (int i = 0; i <= w % 4; ++i) {
      ids.push_back(10 + w);
      words.push_back(i == 0);
      word_of.push_back(w);
    }
  ids.push_back(2);
  words.push_back(1);
  word_of.push_back(-1);
  double seen = 0, hit = 0, masks = 0, kept = 0;
  int different_random = 0;
  for (uint64_t s = 0; s < 2000; ++s) {
    const Masked m = mask(masking, ids, words, example_key(0, s));
    std::map<int, std::vector<int32_t>> targets;
    for (int32_t p : m.positions) targets[word_of[p]].push_back(m.ids[p]);
    seen += 120;
    for (const auto& [word, now] : targets) {
      ASSERT_GE(word, 0);
      ASSERT_EQ(int(now.size()), word % 4 + 1) << "a word is a target as a whole";
      const size_t masked = size_t(std::count(now.begin(), now.end(), kMaskId));
      const size_t same = size_t(std::count(now.begin(), now.end(), 10 + word));
      ASSERT_TRUE(masked == 0 || masked == now.size()) << "one decision a word";
      hit += 1;
      masks += masked > 0;
      kept += same == now.size();
      if (masked == 0 && same == 0 && now.size() > 1) different_random += now[0] != now[1];
    }
  }
  expect_share(hit, seen, 0.2, "words");
  expect_share(masks, hit, 0.8, "<mask>");
  expect_share(kept, hit, 0.1 + 0.1 * 0.25 / 994, "kept");
  EXPECT_GT(different_random, 1000) << "random ids are drawn a token";
}

TEST(Masking, WordsEndAtSpecialsAndAtTheStart) {
  const Shared masking = masking_with({.mlm_probability = 0.5, .unit = MaskUnit::kWord});
  // The second half of a word that a window cut, and a special token inside a word: three words of two tokens each.
  const std::vector<int32_t> ids{0, 10, 10, 2, 11, 11, 2, 12, 12, 2};
  const std::vector<uint8_t> words{1, 0, 0, 1, 0, 0, 1, 1, 0, 1};
  std::map<std::vector<int32_t>, int> sets;
  for (uint64_t s = 0; s < 400; ++s) ++sets[mask(masking, ids, words, s).positions];
  EXPECT_EQ(sets.size(), 8u) << "the three are drawn independently";
  for (const auto& [positions, n] : sets)
    for (size_t i = 0; i < positions.size(); i += 2) EXPECT_EQ(positions[i] + 1, positions[i + 1]);
}

TEST(Masking, Errors) {
  const auto error = [](MaskingOptions o) { return error_of([&] { masking_with(o); }); };
  for (double p : {0.0, -0.1, 1.1, std::nan("")}) expect_parts(error({.mlm_probability = p}), {"masking probability"});
  expect_parts(error({.mask_share = 0.8, .random_share = 0.3}), {"0.8", "0.3"});
  expect_parts(error({.mask_share = -0.1}), {"-0.1"});
  expect_parts(error_of([] { make_masking({}, 5, std::vector<uint8_t>(5)); }), {"<mask>", "5"});
  expect_parts(error_of([] { make_masking({}, 1, std::vector<uint8_t>(5, 1)); }), {"special"});
  const Shared masking = masking_with({});
  expect_parts(error_of([&] { mask(masking, {0, kVocab, 2}, {}, 0); }), {"1000", "vocabulary"});
  expect_parts(error_of([&] { mask(masking, {-1}, {}, 0); }), {"-1"});
  expect_parts(error_of([&] { mask(masking_with({.unit = MaskUnit::kWord}), {0, 4, 2}, {1, 1}, 0); }), {"3", "2"});
}

// P(a binomial of n and p exceeds k), summed term by term.
double tail(int64_t n, double p, int64_t k) {
  double sum = 0;
  for (int64_t i = k + 1; i <= n; ++i) {
    const double term =
        std::exp(std::lgamma(double(n + 1)) - std::lgamma(double(i + 1)) - std::lgamma(double(n - i + 1)) +
                 double(i) * std::log(p) + double(n - i) * std::log1p(-p));
    sum += term;
    if (term < 1e-6 * sum) break;
  }
  return sum;
}

TEST(TargetBound, OfTokensIsPassedLessThanOnceInABillionBatches) {
  for (const double p : {1e-6, 0.01, 0.15, 0.5, 0.9, 0.999})
    for (const int64_t tokens : {1, 64, 100, 512, 4096, 67584, 1 << 20}) {
      const int64_t bound = masking_with({.mlm_probability = p})->target_bound(tokens);
      EXPECT_LE(bound, tokens);
      EXPECT_LT(tail(tokens, p, bound), 1e-9) << p << ", " << tokens;
    }
}

// Texts of words of three tokens each: their number of targets spreads three times as much as that of tokens.
TEST(TargetBound, OfWordsIsWiderThanOfTokens) {
  for (const double p : {0.01, 0.15, 0.5})
    for (const int64_t words : {100, 1000, 22528, 349525}) {
      const Shared whole = masking_with({.mlm_probability = p, .unit = MaskUnit::kWord});
      const Shared token = masking_with({.mlm_probability = p});
      const int64_t bound = whole->target_bound(3 * words);
      EXPECT_LE(bound, 3 * words);
      EXPECT_LT(tail(words, p, bound / 3), 1e-9) << p << ", " << words;
      if (words < 20000) continue;
      EXPECT_GT(tail(words, p, token->target_bound(3 * words) / 3), 1e-9) << "why words have their own";
    }
}

// Memory plans of token masking depend on these numbers.
TEST(TargetBound, Pinned) {
  const auto bound = [](MaskUnit unit, int64_t tokens) { return masking_with({.unit = unit})->target_bound(tokens); };
  EXPECT_EQ(bound(MaskUnit::kToken, 4096), 816);
  EXPECT_EQ(bound(MaskUnit::kToken, 67584), 10759);
  EXPECT_EQ(bound(MaskUnit::kWord, 4096), 916);
  EXPECT_EQ(bound(MaskUnit::kToken, 50), 50);
}

TEST(Masking, FromATokenizer) {
  const Shared masking = make_masking({.mlm_probability = 1, .mask_share = 1, .random_share = 0}, byte_tokenizer());
  const Masked m = mask(masking, {kBos, id_of('a'), kEos, kPad, kMask, 3}, {}, 0);
  EXPECT_EQ(m.positions, (std::vector<int32_t>{1}));
  EXPECT_EQ(m.ids[1], kMask);
}

}  // namespace
}  // namespace encore
