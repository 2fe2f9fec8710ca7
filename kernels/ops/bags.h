// Bags of words as ops take them: a sparse matrix of R documents and C words in compressed rows, and the same entries
// by word. The lists lie in backend memory, and the backend checks them before it uses them (kernels/backend.h).
#pragma once

#include "kernels/base/tensor.h"

namespace encore {

class Arguments;

// Document r has the entries row_start[r] .. row_start[r + 1] - 1.
struct Bags {
  Tensor row_start;  // [1, R+1] i32, from 0 to E, never falling
  Tensor column;     // [1, E] i32, 0 <= word < C
  Tensor value;      // [1, E] fp32
};

// Word c has the entries word_start[c] .. word_start[c + 1] - 1: the entries of Bags sorted by word, and those of a
// word by document. The host sorts them. One worker then sums what belongs to a word, in a fixed order.
struct BagsByWord {
  Tensor word_start;  // [1, C+1] i32, from 0 to E, never falling
  Tensor document;    // [1, E] i32, 0 <= document < R
  Tensor value;       // [1, E] fp32
};

// Where the sum over documents of one term of a loss goes. Both are added to, and either may be absent.
struct LossTerm {
  Tensor sum;       // in/out [1, 1] fp64: += the sum
  Tensor loss;      // in/out [1, 1] fp64: += scale times the sum
  float scale = 0;  // of the term in the loss
};

// Throw Error naming the list and its shape.
void check_shapes(const Arguments&, const Bags&, int64_t documents);
void check_shapes(const Arguments&, const BagsByWord&, int64_t words);
void check_shapes(const Arguments&, const LossTerm&);

}  // namespace encore
