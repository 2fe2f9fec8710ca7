#include "train/nonfinite.h"

#include <algorithm>
#include <cmath>

namespace encore {
namespace {

bool all_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

}  // namespace

std::string nonfinite_tensor(const ParamStore& params) {
  const auto& parameters = params.parameters();
  const int count = int(parameters.size());
  for (int i = 0; i < count; ++i)
    if (!all_finite(params.read(i)))
      return fmt::format("the weight {}, which is not finite itself", parameters[size_t(i)].name);
  int first = -1, infected = 0;
  for (int i = count - 1; i >= 0; --i) {
    if (all_finite(params.read_gradient(i))) continue;
    if (first < 0) first = i;
    ++infected;
  }
  if (first < 0) return "";
  return fmt::format("the gradient of {}, the first that the backward pass reached ({} of {} gradients)",
                     parameters[size_t(first)].name, infected, count);
}

}  // namespace encore
