#include "data/select/near/min_hash.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "kernels/base/check.h"
#include "kernels/base/hash.h"

namespace encore {
namespace {

constexpr size_t kShingle = 5;     // words
constexpr double kMissed = 0.001;  // the largest share of pairs at the threshold that may be missed

// SplitMix64 (Steele, Lea and Flood 2014): a bijection that leaves no pattern.
uint64_t mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// A hash function for each value of a signature: that of x is mixed(x ^ seed).
const std::array<uint64_t, NearDuplicates::kValues>& seeds() {
  static const auto values = [] {
    std::array<uint64_t, NearDuplicates::kValues> out{};
    for (size_t i = 0; i < out.size(); ++i) out[i] = mixed(i + 1);
    return out;
  }();
  return values;
}

}  // namespace

std::vector<uint64_t> shingles_of(std::string_view text) {
  std::vector<uint64_t> words, out;
  WordCutter(WordPattern::kTwoOrMore).cut(text, [&](std::string_view word) { words.push_back(hash_bytes(word)); });
  if (words.empty()) return out;
  const size_t size = std::min(kShingle, words.size());
  for (size_t i = 0; i + size <= words.size(); ++i)
    out.push_back(Hasher().add(&words[i], size * sizeof(uint64_t)).digest());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

double jaccard(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  size_t common = 0;
  for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end();) {
    common += *x == *y;
    if (*x < *y)
      ++x;
    else if (*y < *x)
      ++y;
    else
      ++x, ++y;
  }
  const size_t either = a.size() + b.size() - common;
  return either > 0 ? double(common) / double(either) : 0;
}

NearDuplicates::NearDuplicates(double threshold) : threshold_(threshold) {
  check(threshold > 0 && threshold <= 1, "a threshold of near-duplicates is above 0 and at most 1, and not {}",
        threshold);
  // The widest bands that miss few enough: narrower ones find more pairs that are no near-duplicates.
  for (int rows = 1; rows <= kValues; ++rows) {
    const int bands = kValues / rows;
    if (std::pow(1 - std::pow(threshold, rows), bands) > kMissed) break;
    rows_ = rows;
    bands_ = bands;
  }
  at_.resize(size_t(bands_));
}

std::vector<uint64_t> NearDuplicates::bands_of(const std::vector<uint64_t>& shingles) const {
  std::vector<uint64_t> out;
  for (int band = 0; band < bands_; ++band) {
    Hasher hasher;
    for (int row = 0; row < rows_; ++row) {
      const uint64_t seed = seeds()[size_t(band * rows_ + row)];
      uint64_t least = std::numeric_limits<uint64_t>::max();
      for (const uint64_t shingle : shingles) least = std::min(least, mixed(shingle ^ seed));
      hasher.add(least);
    }
    out.push_back(hasher.digest());
  }
  return out;
}

int64_t NearDuplicates::find(std::string_view text) const {
  const std::vector<uint64_t> shingles = shingles_of(text);
  if (shingles.empty()) return kNone;
  const std::vector<uint64_t> bands = bands_of(shingles);
  std::vector<int64_t> others;
  for (size_t b = 0; b < bands.size(); ++b)
    if (const auto found = at_[b].find(bands[b]); found != at_[b].end())
      others.insert(others.end(), found->second.begin(), found->second.end());
  std::sort(others.begin(), others.end());
  others.erase(std::unique(others.begin(), others.end()), others.end());
  const auto first = std::find_if(others.begin(), others.end(), [&](int64_t other) {
    return jaccard(shingles, shingles_[size_t(other)]) >= threshold_;
  });
  return first == others.end() ? kNone : *first;
}

void NearDuplicates::add(std::string_view text) {
  shingles_.push_back(shingles_of(text));
  if (shingles_.back().empty()) return;
  const std::vector<uint64_t> bands = bands_of(shingles_.back());
  for (size_t b = 0; b < bands.size(); ++b) at_[b][bands[b]].push_back(std::ssize(shingles_) - 1);
}

}  // namespace encore
