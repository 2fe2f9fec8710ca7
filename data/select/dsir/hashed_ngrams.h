// The features of DSIR (Xie et al. 2023; p-lambda/dsir, data_selection/hashed_ngram_dsir.py): counts of n-grams in
// hashed buckets.
//
// Tokens are those of NLTK's WordPunctTokenizer over the text in lower case: \w+|[^\w\s]+, by Python's classes of
// letters. The features of a text are all its tokens, then all runs of 2 .. n tokens, joined by one blank. A feature's
// bucket is its hash modulo the number of buckets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace encore {

enum class NgramHash {
  kSha256,   // the original's: of the UTF-8 bytes, the digest as one big-endian number
  kFnv1a64,  // FNV-1a, offset cbf29ce484222325, prime 100000001b3: some times as fast
};

struct NgramOptions {
  NgramHash hash = NgramHash::kSha256;
  int64_t buckets = 10000;
  int64_t ngrams = 2;  // the longest
};

uint64_t fnv1a64(std::string_view text);
// The hash modulo buckets.
int64_t bucket_of(std::string_view feature, const NgramOptions&);

// \w+|[^\w\s]+ over the text in lower case.
std::vector<std::string> word_punct_tokens(std::string_view text);

// Hashes the features of texts. For one thread at a time: it remembers the buckets of features that it has met.
class HashedNgrams {
 public:
  explicit HashedNgrams(const NgramOptions& options) : options_(options) {}

  // The bucket of each feature, in the order above; valid until the next call.
  const std::vector<int32_t>& buckets(std::string_view text);
  // Of the last text.
  int64_t tokens() const { return tokens_; }

 private:
  int32_t bucket(std::string_view feature);

  NgramOptions options_;
  std::unordered_map<std::string, int32_t> met_;
  std::vector<int32_t> buckets_;
  int64_t tokens_ = 0;
};

}  // namespace encore
