// DSIR: texts of a domain, chosen by importance resampling (Xie et al. 2023, "Data Selection for Language Models via
// Importance Resampling"; p-lambda/dsir, data_selection/base.py).
//
//   p(b)      = count of bucket b / count of all buckets, of the target's texts and of the domain's
//   ratio(b)  = ln(p_target(b) + 1e-8) - ln(p_domain(b) + 1e-8)
//   weight    = the sum of ratio(b) over the features of a text: not divided by its length, so that long texts have
//               extreme weights of either sign
// Resampling without replacement takes the texts of the largest weight + Gumbel noise, -ln(-ln u).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/select/corpus.h"
#include "data/select/dsir/hashed_ngrams.h"

namespace encore {

// Counts of features by bucket.
struct BucketCounts {
  std::vector<int64_t> count;  // [buckets]
  int64_t total = 0;           // of all buckets
  int64_t texts = 0;           // that were counted
};

// Of the texts of a source, on `threads` threads. most: counting ends behind the text with which the total reaches it;
// 0: there is no such limit. The result does not depend on the number of threads.
BucketCounts count_buckets(const TextSource&, const NgramOptions&, int threads, int64_t most = 0);

// The most features of the domain that the original counts.
inline int64_t most_domain_features(const NgramOptions& options) {
  return 100000 * options.buckets;
}

// ratio(b) of each bucket. smoothing: added to the count of each bucket of the target. Throws Error where either side
// has no feature.
std::vector<double> log_ratios(const BucketCounts& target, const BucketCounts& domain, double smoothing = 0);

struct WeighedText {
  double weight = 0;
  int64_t tokens = 0;
};
// The weight of each text of a source.
std::vector<WeighedText> weigh_texts(const TextSource&, const std::vector<double>& ratios, const NgramOptions&,
                                     int threads);

// The noise of the text with this number: a function of the seed alone (Philox, Site::kDsir).
double gumbel_noise(uint64_t seed, int64_t text);

// The numbers of the texts of at least least_tokens, by falling weight + noise(number), equal sums by number.
std::vector<int64_t> resample(const std::vector<WeighedText>&, int64_t least_tokens,
                              const std::function<double(int64_t)>& noise);

}  // namespace encore
