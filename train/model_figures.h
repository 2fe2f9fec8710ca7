// What a masked-LM makes of texts: its loss, and the tokens that its tokenizer needs for a word.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/select/overlap/overlap.h"
#include "data/sequences/objective.h"
#include "data/tokenizer/tokenizer.h"
#include "train/reservation.h"

namespace encore {

struct FigureOptions {
  int64_t seq_length = 512;         // of the windows that the texts are cut into
  int64_t tokens_per_batch = 4096;  // at least seq_length
};

// The loss is mlm_eval's on a file of these texts, with the objective that the reservation was planned for.
ModelFigures model_figures(const std::vector<std::string>& texts, const Tokenizer&, std::shared_ptr<const Objective>,
                           const FigureOptions&, Reservation&);

}  // namespace encore
