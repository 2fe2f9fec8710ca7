// The weight of the KL term of VAMPIRE's loss in each epoch of training. Evaluation always uses 1.
#pragma once

#include <cstdint>

namespace encore {

struct KlSchedule {
  // Of x, with the options below:
  //   kLinear    min(1, x / epochs)
  //   kSigmoid   1 / (1 + exp(-slope (x - middle)))
  //   kConstant  1
  enum class Kind : uint8_t { kLinear, kSigmoid, kConstant };
  // What x is in epoch e, counted from 0: the two published versions of VAMPIRE's code differ.
  //   kMaster    max(1, e): epochs 0 and 1 train alike (allenai/vampire)
  //   kAllennlp  e - 1, and epoch 0 trains with weight 1 (its branch allennlp-1.0)
  enum class Counting : uint8_t { kMaster, kAllennlp };

  Kind kind = Kind::kLinear;
  Counting counting = Counting::kMaster;
  double epochs = 1000;
  double slope = 0.25, middle = 15;

  double weight(int64_t epoch) const;
};

}  // namespace encore
