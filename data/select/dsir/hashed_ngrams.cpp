#include "data/select/dsir/hashed_ngrams.h"

#include <algorithm>

#include "data/select/dsir/sha256.h"
#include "data/select/words/letter_case.h"
#include "data/select/words/letter_classes.h"
#include "data/select/words/white_space.h"
#include "kernels/base/utf8.h"

namespace encore {
namespace {

constexpr size_t kMostMet = size_t(1) << 19;  // features that are remembered: some 60 MB

enum class Kind { kSpace, kWord, kOther };

Kind kind_of(const CodePoint& c) {
  if (!c.valid) return Kind::kOther;
  if (is_white_space(c.value)) return Kind::kSpace;
  return letter_class_table()[c.value] & kWordLetter ? Kind::kWord : Kind::kOther;
}

}  // namespace

uint64_t fnv1a64(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ uint8_t(c)) * 0x100000001b3u;
  return hash;
}

int64_t bucket_of(std::string_view feature, const NgramOptions& options) {
  const auto buckets = uint64_t(options.buckets);
  if (options.hash == NgramHash::kFnv1a64) return int64_t(fnv1a64(feature) % buckets);
  uint64_t rest = 0;
  for (const uint8_t byte : sha256(feature)) rest = (rest * 256 + byte) % buckets;
  return int64_t(rest);
}

std::vector<std::string> word_punct_tokens(std::string_view text) {
  std::string lower;
  lower_case(text, lower);
  std::vector<std::string> tokens;
  Kind last = Kind::kSpace;
  for (size_t at = 0; at < lower.size();) {
    const CodePoint c = decode_utf8(lower, at);
    const Kind kind = kind_of(c);
    if (kind != Kind::kSpace) {
      if (kind != last) tokens.emplace_back();
      tokens.back().append(lower, at, c.size);
    }
    last = kind;
    at += c.size;
  }
  return tokens;
}

int32_t HashedNgrams::bucket(std::string_view feature) {
  // FNV-1a costs less than a look into the memory.
  if (options_.hash == NgramHash::kFnv1a64) return int32_t(bucket_of(feature, options_));
  std::string key(feature);
  if (const auto found = met_.find(key); found != met_.end()) return found->second;
  const auto bucket = int32_t(bucket_of(feature, options_));
  if (met_.size() < kMostMet) met_.emplace(std::move(key), bucket);
  return bucket;
}

const std::vector<int32_t>& HashedNgrams::buckets(std::string_view text) {
  const std::vector<std::string> tokens = word_punct_tokens(text);
  tokens_ = std::ssize(tokens);
  buckets_.clear();
  for (int64_t n = 1; n <= std::min(options_.ngrams, tokens_); ++n)
    for (int64_t first = 0; first + n <= tokens_; ++first) {
      std::string feature = tokens[size_t(first)];
      for (int64_t i = 1; i < n; ++i) feature.append(" ").append(tokens[size_t(first + i)]);
      buckets_.push_back(bucket(feature));
    }
  return buckets_;
}

}  // namespace encore
