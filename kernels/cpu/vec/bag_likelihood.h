#pragma once

#include "kernels/cpu/vec/matrix.h"

namespace encore::cpu {

// Word c of document r has y = (x[c][r] - shift[c]) rstd[c] + bias[c].
struct BagMatrix {
  float* x;  // [words][ld]
  int64_t ld, documents;
  const float* bias;    // [words]
  float *shift, *rstd;  // [words]
};

struct BatchNorm {
  const float* background;                 // [words]
  float *running_mean, *running_variance;  // [words]
  float eps, momentum;
};

// Partial softmax over words: the largest y of each document, and the sum of exp(y - largest).
struct BagSoftmax {
  float *largest, *sums;  // [documents]
};

struct BagGradient {
  const float* lse;     // [documents] of y
  const float* weight;  // [documents] of the softmax in dy
  float scale;          // of an entry's value in dy
  const int32_t *word_start, *document;
  const float* value;
  float* dbias;  // [words], added to
};

}  // namespace encore::cpu

// shift and rstd of the words begin .. end-1 from the batch; the running statistics move.
ENCORE_VEC_DECLARE(void, batch_statistics, (const BagMatrix& a, const BatchNorm& n, int64_t begin, int64_t end));
// The same from the running statistics.
ENCORE_VEC_DECLARE(void, running_statistics, (const BagMatrix& a, const BatchNorm& n, int64_t begin, int64_t end));
// Over the words begin .. end-1.
ENCORE_VEC_DECLARE(void, bag_softmax, (const BagMatrix& a, const BagSoftmax& s, int64_t begin, int64_t end));
// lse = ln of the sum over words of exp(y) for the documents begin .. end-1, from `parts` partial ones that lie
// `stride` apart.
ENCORE_VEC_DECLARE(void, combine_softmax,
                   (const BagSoftmax& s, int64_t parts, int64_t stride, int64_t begin, int64_t end, float* lse));
// x becomes its gradient for the words begin .. end-1. dy [documents] is room.
ENCORE_VEC_DECLARE(void, bag_gradient,
                   (const BagMatrix& a, const BagGradient& g, int64_t begin, int64_t end, float* dy));
