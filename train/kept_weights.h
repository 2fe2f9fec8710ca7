// A copy of a model's weights in host memory, which can take the place of the weights for a while.
#pragma once

#include <vector>

#include "model/param_store.h"

namespace encore {

class KeptWeights {
 public:
  KeptWeights() = default;
  explicit KeptWeights(const ParamStore&);

  // Exchanges the copy with the weights, a part at a time. Twice leaves both as they were, to the bit.
  void exchange(ParamStore&);

 private:
  std::vector<float> host_;
};

}  // namespace encore
