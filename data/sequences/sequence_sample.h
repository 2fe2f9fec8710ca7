// Samples of a set: examples spread evenly over it, the same ones every time.
#pragma once

#include <cstdint>
#include <memory>

#include "data/sequences/sequence_set.h"

namespace encore {

// Mean tokens of an example, with special tokens. For a set of more than a million examples, the mean of a million that
// are spread over it. 0 for an empty set.
double mean_example_tokens(const SequenceSet&);

// `examples` of the set's n examples, 1 <= examples <= n: number i is the set's floor(i n / examples). Sequences and
// documents keep the set's numbers.
std::shared_ptr<const SequenceSet> spread_sample(std::shared_ptr<const SequenceSet>, int64_t examples);

// The set itself where it holds at most `tokens` tokens by mean_example_tokens; else as many examples, spread over it,
// as hold about that many (at least one).
std::shared_ptr<const SequenceSet> sample_of_tokens(std::shared_ptr<const SequenceSet>, int64_t tokens);

}  // namespace encore
