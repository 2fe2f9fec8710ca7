#include "train/reservation.h"

#include <algorithm>

namespace encore {

BatchCapacity plan_capacity(int64_t tokens, const Objective& objective) {
  // The shortest sequence is <s> </s>.
  return {.tokens = tokens, .sequences = tokens / 2 + 1, .targets = objective.target_bound(tokens)};
}

Reservation::Reservation(Model& model, const BatchCapacity& capacity, Mode mode)
    : model_(model), capacity_(capacity), mode_(mode) {
  model_.reserve(capacity_, mode_);
}

void Reservation::fit(const PackedBatch& batch) {
  if (batch.tokens() <= capacity_.tokens && batch.sequences() <= capacity_.sequences &&
      batch.targets() <= capacity_.targets)
    return;
  const auto grown = [](int64_t have, int64_t need) { return need <= have ? have : std::max(need, have * 5 / 4); };
  capacity_ = {
      .tokens = std::max(capacity_.tokens, batch.tokens()),
      .sequences = grown(capacity_.sequences, batch.sequences()),
      .targets = std::min(std::max(capacity_.tokens, batch.tokens()), grown(capacity_.targets, batch.targets()))};
  model_.reserve(capacity_, mode_);
}

}  // namespace encore
