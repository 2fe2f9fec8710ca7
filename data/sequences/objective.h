// The prediction task of a masked-LM run: which tokens of a sequence are targets, and what the model sees there.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace encore {

// An objective is a pure function of the sequence and its key, so ranks, micro-batches and resumed runs agree. Any
// thread may call it.
class Objective {
 public:
  virtual ~Objective() = default;

  struct Sequence {
    std::span<int32_t> ids;                // in: true ids, with special tokens; out: as the model sees them
    std::span<const uint8_t> word_starts;  // [ids.size()] 1 = a word begins here
    uint64_t key = 0;                      // example_key(epoch, sequence number)
  };
  // Appends the position of each target in the sequence, in rising order, and its true id. Throws Error for an id
  // outside of the vocabulary.
  virtual void apply(const Sequence&, std::vector<int32_t>& positions, std::vector<int32_t>& labels) const = 0;

  // A number of targets that a batch of `tokens` tokens exceeds less than once in 10^9 batches; at most `tokens`.
  // Memory is planned for this bound; a batch that exceeds it costs a new allocation.
  virtual int64_t target_bound(int64_t tokens) const = 0;
};

}  // namespace encore
