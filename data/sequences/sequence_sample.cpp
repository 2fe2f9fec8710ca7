#include "data/sequences/sequence_sample.h"

#include <algorithm>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/spread.h"

namespace encore {
namespace {

class SpreadSample final : public SequenceSet {
 public:
  SpreadSample(std::shared_ptr<const SequenceSet> set, int64_t examples) : set_(std::move(set)), examples_(examples) {}
  int64_t examples() const override { return examples_; }
  int64_t sequences() const override { return set_->sequences(); }
  int64_t seq_length() const override { return set_->seq_length(); }
  int64_t example_tokens(int64_t e) const override { return set_->example_tokens(at(e)); }
  int64_t example_sequences(int64_t e) const override { return set_->example_sequences(at(e)); }
  void append(int64_t e, uint64_t epoch, const Objective& objective, PackedBatch& batch) const override {
    set_->append(at(e), epoch, objective, batch);
  }
  int64_t document_of(int64_t sequence) const override { return set_->document_of(sequence); }
  int64_t first_sequence(int64_t e) const override { return set_->first_sequence(at(e)); }

 private:
  int64_t at(int64_t e) const { return spread(e, set_->examples(), examples_); }
  std::shared_ptr<const SequenceSet> set_;
  int64_t examples_;
};

}  // namespace

double mean_example_tokens(const SequenceSet& set) {
  const int64_t n = set.examples(), taken = std::min<int64_t>(n, 1'000'000);
  double sum = 0;
  for (int64_t i = 0; i < taken; ++i) sum += double(set.example_tokens(spread(i, n, taken)));
  return sum / double(std::max<int64_t>(1, taken));
}

std::shared_ptr<const SequenceSet> spread_sample(std::shared_ptr<const SequenceSet> set, int64_t examples) {
  check(examples >= 1 && examples <= set->examples(), "a sample of {} examples out of {}", examples, set->examples());
  return std::make_shared<SpreadSample>(std::move(set), examples);
}

std::shared_ptr<const SequenceSet> sample_of_tokens(std::shared_ptr<const SequenceSet> set, int64_t tokens) {
  const double mean = mean_example_tokens(*set);
  if (mean * double(set->examples()) <= double(tokens)) return set;
  const int64_t examples = std::clamp<int64_t>(int64_t(double(tokens) / mean), 1, set->examples());
  return spread_sample(std::move(set), examples);
}

}  // namespace encore
