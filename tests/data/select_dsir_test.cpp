// Hashes, n-grams and resampling of DSIR.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>

#include "data/select/dsir/dsir.h"
#include "data/select/dsir/sha256.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

std::string hex(std::string_view text) {
  std::string out;
  for (const uint8_t byte : sha256(text)) out += fmt::format("{:02x}", byte);
  return out;
}

TEST(Sha256, KnownAnswers) {  // FIPS 180-4's examples
  EXPECT_EQ(hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hex(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Every length around the ends of blocks, against the system's program.
TEST(Sha256, AgreesWithSha256sum) {
  const std::string path = testing::TempDir() + "/sha256_text";
  std::string text;
  for (int size = 0; size < 140; ++size, text += char(size * 37)) {
    std::ofstream(path, std::ios::binary) << text;
    FILE* pipe = popen(("sha256sum " + path).c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    char digest[65] = {};
    const size_t read = fread(digest, 1, 64, pipe);
    pclose(pipe);
    ASSERT_EQ(read, 64u) << "no sha256sum here";
    ASSERT_EQ(hex(text), digest) << size;
  }
}

TEST(HashedNgrams, OrderAndRepetition) {
  HashedNgrams hashed({.hash = NgramHash::kSha256, .buckets = 1000, .ngrams = 3});
  std::vector<int32_t> expected;
  for (const char* feature : {"a", "b", "a", "a b", "b a", "a b a"})
    expected.push_back(int32_t(bucket_of(feature, {.buckets = 1000})));
  EXPECT_EQ(hashed.buckets("A b\ta"), expected);
  EXPECT_EQ(hashed.tokens(), 3);
  EXPECT_TRUE(hashed.buckets(" \n").empty());
  EXPECT_EQ(hashed.tokens(), 0);
}

TextSource numbered(int64_t texts) {
  return [texts, i = int64_t(0)](std::string& text) mutable {
    if (i == texts) return false;
    text = "text " + std::to_string(i++ * 7919 % 1000) + " of the domain";
    return true;
  };
}

TEST(CountBuckets, LimitAndThreads) {
  const NgramOptions options{.hash = NgramHash::kFnv1a64};
  const BucketCounts all = count_buckets(numbered(60000), options, 1);
  EXPECT_EQ(all.texts, 60000);
  EXPECT_EQ(all.total, 60000 * 9);  // 5 tokens and 4 pairs
  EXPECT_EQ(count_buckets(numbered(60000), options, 2).count, all.count);
  for (const int threads : {1, 2}) {
    const BucketCounts some = count_buckets(numbered(60000), options, threads, 100);
    EXPECT_EQ(some.texts, 12);  // 11 texts have 99
    EXPECT_EQ(some.total, 108);
  }
}

TEST(LogRatios, Refusals) {
  const BucketCounts none{.count = {0, 0}}, some{.count = {1, 1}, .total = 2, .texts = 1};
  EXPECT_THROW(log_ratios(none, some), Error);
  EXPECT_THROW(log_ratios(some, none), Error);
}

TEST(Resample, NoiseOfASeed) {
  double mean = 0;
  for (int64_t i = 0; i < 20000; ++i) mean += gumbel_noise(7, i) / 20000;
  EXPECT_NEAR(mean, 0.5772, 0.03);  // Euler's constant
  EXPECT_EQ(gumbel_noise(7, 3), gumbel_noise(7, 3));
  EXPECT_NE(gumbel_noise(7, 3), gumbel_noise(8, 3));
  EXPECT_EQ(resample({{1, 5}, {2, 4}, {2, 5}, {3, 2}}, 4, [](int64_t) { return 0.0; }),
            (std::vector<int64_t>{1, 2, 0}));
}

}  // namespace
}  // namespace encore
