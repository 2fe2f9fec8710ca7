#pragma once

#include "kernels/cpu/vec/matrix.h"

namespace encore::cpu {

constexpr int64_t kMaxClasses = int64_t(1) << 21;

struct CrossEntropyRow {
  void* logits;       // [padded]
  const float* bias;  // [classes] or null
  int64_t classes, padded;
  int32_t label;  // >= 0
  float grad_scale;
  bool loss_only;
  float* dbias;  // [classes], added to, or null
  float* room;   // [classes] of this thread
};

struct CrossEntropyResult {
  float loss;
  bool correct;  // the first of the largest logits is the label's
};

}  // namespace encore::cpu

ENCORE_VEC_DECLARE_FLOATS(CrossEntropyResult, cross_entropy, (const CrossEntropyRow& a));
