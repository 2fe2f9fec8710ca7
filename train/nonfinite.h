// Losses and gradients that are not finite: where they began, and what becomes of their step.
#pragma once

#include <string>

#include "kernels/base/check.h"
#include "model/param_store.h"

namespace encore {

enum class OnNonFinite { kStop, kSkip };

inline constexpr int kMostSkippedInRow = 3;  // then the run stops, whatever it was told: nothing will mend itself

// A step whose loss or gradient is not finite; weights and moments are those before it.
class NonFiniteError : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

// The tensor to look at, in words: a weight that is not finite itself, else the gradient that the backward pass reached
// first (the last in registration order: what lies below it is infected). Empty when all are finite. Reads everything.
std::string nonfinite_tensor(const ParamStore&);

}  // namespace encore
