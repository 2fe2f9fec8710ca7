// Losses and gradients that are not finite: the choice between stopping and skipping, and the tensor to blame.
#pragma once

#include <string>

#include "kernels/base/check.h"
#include "model/param_store.h"

namespace encore {

enum class OnNonFinite { kStop, kSkip };

inline constexpr int kMostSkippedInRow = 3;  // then the run stops in spite of kSkip: it will not recover

// A step whose loss or gradient is not finite; weights and moments are those before it.
class NonFiniteError : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

// Names the tensor to look at: a weight that is not finite, else the first such gradient of the backward pass (the last
// in registration order; the gradients below inherit from it). Empty when all are finite. Reads all of them.
std::string nonfinite_tensor(const ParamStore&);

}  // namespace encore
