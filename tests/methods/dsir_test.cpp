// DSIR against the pinned vectors of an independent implementation.
#include "data/select/dsir/dsir.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/methods/methods_folder.h"

namespace encore::test {
namespace {

using nlohmann::json;

// Figures are recorded with 9 to 12 digits.
void expect_close(double value, double expected, const std::string& what) {
  EXPECT_NEAR(value, expected, 1e-9 * std::max(1.0, std::abs(expected))) << what;
}

TextSource source_of(const json& texts) {
  return [&texts, i = size_t(0)](std::string& text) mutable {
    if (i == texts.size()) return false;
    text = texts[i++].get<std::string>();
    return true;
  };
}

NgramOptions options_of(const json& run) {
  return {.hash = run["hash"] == "sha256" ? NgramHash::kSha256 : NgramHash::kFnv1a64,
          .buckets = run["buckets"],
          .ngrams = run["ngrams"]};
}

class DsirVectors : public testing::Test {
 protected:
  void SetUp() override {
    const std::string folder = methods_folder("dsir");
    if (folder.empty()) GTEST_SKIP() << kNoVectors;
    std::ifstream(folder + "/expected.json") >> expected_;
  }
  json expected_;
};

TEST_F(DsirVectors, Hashes) {
  const json& hashes = expected_["hashes"];
  for (size_t i = 0; i < hashes["text"].size(); ++i) {
    const std::string text = hashes["text"][i];
    EXPECT_EQ(json(bucket_of(text, {.hash = NgramHash::kSha256})), hashes["sha256_mod_10000"][i]) << text;
    EXPECT_EQ(json(bucket_of(text, {.hash = NgramHash::kFnv1a64})), hashes["fnv1a64_mod_10000"][i]) << text;
    EXPECT_EQ(json(fmt::format("{:016x}", fnv1a64(text))), hashes["fnv1a64"][i]) << text;
  }
}

TEST_F(DsirVectors, TokensAndBuckets) {
  for (const json& row : expected_["tokens"]) {
    const std::string text = row["text"];
    EXPECT_EQ(json(word_punct_tokens(text)), row["words"]);
    HashedNgrams hashed({});
    EXPECT_EQ(json(hashed.buckets(text)), row["sha256_buckets"]) << text;
    EXPECT_EQ(hashed.tokens(), std::ssize(row["words"]));
  }
}

TEST_F(DsirVectors, CountsRatiosWeightsSelections) {
  for (const json& run : expected_["runs"])
    for (const int threads : {1, 2}) {
      const NgramOptions options = options_of(run);
      const BucketCounts target = count_buckets(source_of(expected_["target"]), options, threads),
                         raw = count_buckets(source_of(expected_["raw"]), options, threads);
      EXPECT_EQ(json(target.total), run["target_total"]);
      EXPECT_EQ(json(raw.total), run["raw_total"]);
      const std::vector<double> ratios = log_ratios(target, raw, run["target_smoothing"]);
      for (const auto& [bucket, figures] : run["nonzero_buckets"].items()) {
        const auto b = size_t(std::stoll(bucket));
        EXPECT_EQ(json(target.count[b]), figures[0]) << bucket;
        EXPECT_EQ(json(raw.count[b]), figures[1]) << bucket;
        expect_close(ratios[b], figures[2], bucket);
      }
      const std::vector<WeighedText> weighed = weigh_texts(source_of(expected_["raw"]), ratios, options, threads);
      ASSERT_EQ(weighed.size(), expected_["raw"].size());
      for (size_t i = 0; i < weighed.size(); ++i) {
        expect_close(weighed[i].weight, run["log_weights"][i], "text " + std::to_string(i));
        EXPECT_EQ(json(weighed[i].tokens), run["words"][i]);
      }
      for (const json& selection : run["selections"]) {
        const auto first = [&](const std::function<double(int64_t)>& noise) {
          std::vector<int64_t> order = resample(weighed, selection["min_example_length"], noise);
          EXPECT_EQ(json(order.size()), selection["eligible"]);
          order.resize(10);
          return json(order);
        };
        EXPECT_EQ(first([](int64_t) { return 0.0; }), selection["top_k_10"]);
        EXPECT_EQ(first([&](int64_t i) { return expected_["gumbel"][size_t(i)].get<double>(); }),
                  selection["gumbel_10"]);
      }
    }
}

}  // namespace
}  // namespace encore::test
