// The examples of a step, and their micro-batches. All is a function of (seed, step, batch_sequences, ranks), so a
// resumed run starts at any step at no cost.
#pragma once

#include <cstdint>
#include <vector>

#include "data/sequences/sequence_set.h"

namespace encore {

// A permutation of 0..n-1 that needs no memory: a Feistel network with Philox rounds, walked until it falls into range
// (Black & Rogaway, "Ciphers with arbitrary finite domains", 2002).
class Permutation {
 public:
  Permutation(uint64_t n, uint64_t seed, uint64_t epoch);
  uint64_t operator()(uint64_t i) const;

 private:
  uint64_t n_, seed_, epoch_;
  int half_bits_;
};

struct ExampleRef {
  uint64_t epoch;
  int64_t example;
};

// Examples follow each other in shuffled epochs: place p of the run is example Permutation(epoch = p / n)(p % n).
// Step s takes the places s * B .. (s + 1) * B - 1, up to the end of the run. So a step may reach into the next epoch,
// every example is seen exactly once an epoch, and only the last step may be short.
class StepOrder {
 public:
  // total_examples: places in the run (epochs * n, or max_steps * B).
  StepOrder(int64_t n, int64_t batch_sequences, int64_t total_examples, uint64_t seed);
  int64_t steps() const;
  // The share of one rank: the places of the step are split into contiguous runs of nearly equal length.
  std::vector<ExampleRef> examples(int64_t step, int rank = 0, int ranks = 1) const;

 private:
  int64_t n_, batch_, total_;
  uint64_t seed_;
};

// Cuts a rank's examples, in order, into micro-batches of at most `tokens_per_batch` tokens; no example is cut.
// Throws Error for an example that is larger.
std::vector<std::vector<ExampleRef>> micro_batches(const std::vector<ExampleRef>&, const SequenceSet&,
                                                   int64_t tokens_per_batch);

// The finished micro-batch.
PackedBatch make_batch(const std::vector<ExampleRef>&, const SequenceSet&, const Objective&);

// The number of targets in a rank's examples, without keeping the batches.
int64_t count_targets(const std::vector<ExampleRef>&, const SequenceSet&, const Objective&);

}  // namespace encore
