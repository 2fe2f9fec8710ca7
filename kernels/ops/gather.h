// Gathers rows of a matrix, and scatters them back.
#pragma once

#include "kernels/base/tensor.h"

namespace encore {

class Backend;

// y[r] = x[rows[r]]
struct GatherRows {
  Tensor x;     // in  [T, C] float
  Tensor rows;  // in  [1, R] i32, 0 <= row < T
  Tensor y;     // out [R, C] dtype of x
  Tensor live;  // in [1, 1] i32, optional: how many of the R rows count (live_rows.h)
};

// dx[rows[r]] = dy[r]; every other row of dx becomes 0 unless add, which adds dy to dx and leaves the others.
// REQUIRES: no row twice.
struct ScatterRows {
  Tensor dy;    // in  [R, C] float
  Tensor rows;  // in  [1, R] i32
  Tensor dx;    // out [T, C] dtype of dy
  bool add = false;
  Tensor live;  // in [1, 1] i32, optional: how many of the R rows count (live_rows.h)
};

void gather_rows(Backend&, const GatherRows&);
void scatter_rows(Backend&, const ScatterRows&);

}  // namespace encore
