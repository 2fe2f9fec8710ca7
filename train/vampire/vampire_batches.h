// Which documents make up a training batch of VAMPIRE: a function of (seed, epoch, batch).
#pragma once

#include <cstdint>

#include "model/vampire/vampire_model.h"
#include "train/vampire/vampire_text.h"

namespace encore {

class VampireBatches {
 public:
  // REQUIRES: two documents or more, documents >= 2. The documents of an epoch stand in a permutation of their own. A
  // last batch of one document joins the one before it: batch norm needs two.
  VampireBatches(const DocumentSet& set, int64_t documents, uint64_t seed)
      : set_(set), documents_(documents), seed_(seed) {}

  int64_t per_epoch() const;
  VampireCapacity capacity() const;  // of the largest batch
  void fill(int64_t epoch, int64_t batch, VampireBatch& out) const;

 private:
  const DocumentSet& set_;
  int64_t documents_;
  uint64_t seed_;
};

}  // namespace encore
