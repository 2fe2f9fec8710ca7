// How fast this machine trains a model, for what a selection costs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/sequences/objective.h"
#include "data/tokenizer/tokenizer.h"
#include "train/reservation.h"

namespace encore {

struct SpeedOptions {
  int64_t seq_length = 512;
  int64_t tokens_per_batch = 4096;
  double seconds = 5;  // of measured steps, at least; behind a first step that makes the kernels
};

// Tokens a second of masked-LM steps on these texts, each as a sequence, specials counted. The model, reserved for
// training, is changed. Throws Error where the texts hold no token.
double training_tokens_per_second(Reservation&, const std::vector<std::string>& texts, const Tokenizer&,
                                  std::shared_ptr<const Objective>, const SpeedOptions&);

}  // namespace encore
