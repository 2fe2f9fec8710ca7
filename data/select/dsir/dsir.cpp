#include "data/select/dsir/dsir.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/base/check.h"
#include "kernels/base/ordered_workers.h"
#include "kernels/base/rng.h"
#include "kernels/base/usable_cores.h"

namespace encore {
namespace {

constexpr double kSmall = 1e-8;                      // the original's, within its logarithms
constexpr size_t kTextPieceBytes = size_t(1) << 18;  // texts that a thread takes at a time

// Some texts, and the buckets of each.
struct TextPiece {
  std::vector<std::string> texts;
  std::vector<std::vector<int32_t>> buckets;
  std::vector<int64_t> tokens;
};

// Gives the buckets of all texts, in order.
template <class Give>
void for_each_piece(const TextSource& source, const NgramOptions& options, int threads, const Give& give) {
  bool ended = false;
  const auto take = [&](TextPiece& piece) {
    if (!ended) piece.texts = next_texts(source, std::numeric_limits<int64_t>::max(), kTextPieceBytes);
    return !piece.texts.empty();
  };
  const auto work = [&](TextPiece& piece) {
    HashedNgrams hashed(options);
    for (const std::string& text : piece.texts) {
      piece.buckets.push_back(hashed.buckets(text));
      piece.tokens.push_back(hashed.tokens());
    }
  };
  work_in_order<TextPiece>(loop_threads(threads), take, work,
                           [&](const TextPiece& piece) { ended = !give(piece) || ended; });
}

}  // namespace

BucketCounts count_buckets(const TextSource& source, const NgramOptions& options, int threads, int64_t most) {
  BucketCounts counts{.count = std::vector<int64_t>(size_t(options.buckets))};
  const auto full = [&] { return most > 0 && counts.total >= most; };
  for_each_piece(source, options, threads, [&](const TextPiece& piece) {
    for (size_t i = 0; i < piece.buckets.size() && !full(); ++i) {
      for (const int32_t bucket : piece.buckets[i]) ++counts.count[size_t(bucket)];
      counts.total += std::ssize(piece.buckets[i]);
      ++counts.texts;
    }
    return !full();
  });
  return counts;
}

std::vector<double> log_ratios(const BucketCounts& target, const BucketCounts& domain, double smoothing) {
  check(target.total > 0, "the task's text has no token: nothing can be chosen by it");
  check(domain.total > 0, "the domain's text has no token: nothing can be chosen from it");
  const double target_total = double(target.total) + smoothing * double(target.count.size());
  std::vector<double> out(target.count.size());
  for (size_t b = 0; b < out.size(); ++b)
    out[b] = std::log((double(target.count[b]) + smoothing) / target_total + kSmall) -
             std::log(double(domain.count[b]) / double(domain.total) + kSmall);
  return out;
}

std::vector<WeighedText> weigh_texts(const TextSource& source, const std::vector<double>& ratios,
                                     const NgramOptions& options, int threads) {
  std::vector<WeighedText> out;
  for_each_piece(source, options, threads, [&](const TextPiece& piece) {
    for (size_t i = 0; i < piece.buckets.size(); ++i) {
      double weight = 0;
      for (const int32_t bucket : piece.buckets[i]) weight += ratios[size_t(bucket)];
      out.push_back({.weight = weight, .tokens = piece.tokens[i]});
    }
    return true;
  });
  return out;
}

double gumbel_noise(uint64_t seed, int64_t text) {
  const PhiloxDraw d = draw(seed, uint64_t(text), draw_site(0, Site::kDsir), 0);
  // In (0, 1): the middle of each of the 2^52 steps.
  const double u = (double((uint64_t(d.word[0]) << 32 | d.word[1]) >> 12) + 0.5) * 0x1p-52;
  return -std::log(-std::log(u));
}

std::vector<int64_t> resample(const std::vector<WeighedText>& texts, int64_t least_tokens,
                              const std::function<double(int64_t)>& noise) {
  std::vector<double> score(texts.size());
  std::vector<int64_t> out;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].tokens < least_tokens) continue;
    score[i] = texts[i].weight + noise(int64_t(i));
    out.push_back(int64_t(i));
  }
  std::sort(out.begin(), out.end(), [&](int64_t a, int64_t b) {
    return score[size_t(a)] != score[size_t(b)] ? score[size_t(a)] > score[size_t(b)] : a < b;
  });
  return out;
}

}  // namespace encore
