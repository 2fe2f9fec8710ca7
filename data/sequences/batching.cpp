#include "data/sequences/batching.h"

#include <algorithm>
#include <bit>

#include "kernels/base/check.h"
#include "kernels/base/rng.h"

namespace encore {
namespace {

constexpr uint32_t kRounds = 6;

}  // namespace

Permutation::Permutation(uint64_t n, uint64_t seed, uint64_t epoch) : n_(n), seed_(seed), epoch_(epoch) {
  check(n > 0, "nothing to shuffle: there are no examples");
  half_bits_ = std::max(1, (int(std::bit_width(n - 1)) + 1) / 2);
}

uint64_t Permutation::operator()(uint64_t i) const {
  check(i < n_, "place {} of a permutation of {}", i, n_);
  const uint64_t mask = (uint64_t(1) << half_bits_) - 1;
  do {
    uint64_t left = i >> half_bits_, right = i & mask;
    for (uint32_t round = 0; round < kRounds; ++round) {
      const PhiloxDraw d = draw(seed_, epoch_ << 32 | right, draw_site(round, Site::kOrder), 0);
      left = std::exchange(right, left ^ (d.word[0] & mask));
    }
    i = left << half_bits_ | right;
  } while (i >= n_);
  return i;
}

StepOrder::StepOrder(int64_t n, int64_t batch_sequences, int64_t total_examples, uint64_t seed)
    : n_(n), batch_(batch_sequences), total_(total_examples), seed_(seed) {
  check(n > 0, "there are no examples to train on");
  check(batch_sequences > 0, "steps of {} examples: there must be at least 1", batch_sequences);
  check(total_examples >= 0, "a run of {} examples", total_examples);
}

int64_t StepOrder::steps() const {
  return total_ / batch_ + (total_ % batch_ != 0);
}

std::vector<ExampleRef> StepOrder::examples(int64_t step, int rank, int ranks) const {
  check(step >= 0 && step < steps(), "step {} of a run of {}", step, steps());
  check(ranks > 0 && rank >= 0 && rank < ranks, "rank {} of {}", rank, ranks);
  const int64_t begin = step * batch_, count = std::min(batch_, total_ - begin);
  const int64_t from = begin + count * rank / ranks, to = begin + count * (rank + 1) / ranks;
  std::vector<ExampleRef> examples;
  for (int64_t place = from; place < to; ++place) {
    const uint64_t epoch = uint64_t(place / n_);
    examples.push_back({epoch, int64_t(Permutation(uint64_t(n_), seed_, epoch)(uint64_t(place % n_)))});
  }
  return examples;
}

std::vector<std::vector<ExampleRef>> micro_batches(const std::vector<ExampleRef>& examples, const SequenceSet& set,
                                                   int64_t tokens_per_batch) {
  std::vector<std::vector<ExampleRef>> batches;
  int64_t left = 0;
  for (const ExampleRef& ref : examples) {
    const int64_t tokens = set.example_tokens(ref.example);
    check(tokens <= tokens_per_batch,
          "batches of {} tokens: an example has {} tokens; allow at least {} or shorten the sequences",
          tokens_per_batch, tokens, set.seq_length());
    if (batches.empty() || tokens > left) {
      batches.emplace_back();
      left = tokens_per_batch;
    }
    batches.back().push_back(ref);
    left -= tokens;
  }
  return batches;
}

PackedBatch make_batch(const std::vector<ExampleRef>& examples, const SequenceSet& set, const Objective& objective) {
  PackedBatch batch;
  for (const ExampleRef& ref : examples) set.append(ref.example, ref.epoch, objective, batch);
  batch.finish();
  return batch;
}

int64_t count_targets(const std::vector<ExampleRef>& examples, const SequenceSet& set, const Objective& objective) {
  PackedBatch scratch;
  int64_t targets = 0;
  for (const ExampleRef& ref : examples) {
    scratch.clear();
    set.append(ref.example, ref.epoch, objective, scratch);
    targets += scratch.targets();
  }
  return targets;
}

}  // namespace encore
