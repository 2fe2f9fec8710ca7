// The arguments of dropout that several ops share, and dropout as an op of its own.
#pragma once

#include "kernels/base/rng.h"
#include "kernels/base/tensor.h"

namespace encore {

class Backend;

// The sequence of the batch and the position in it of each row of an activation matrix. Together with the example keys
// of the batch they key every dropout bit (kernels/base/rng.h).
struct RowKeys {
  Tensor sequence;      // [1, R] i32, index into example_keys
  Tensor position;      // [1, R] i32, from 0 within the sequence
  Tensor example_keys;  // [1, N] u64
};

// p == 0 switches dropout off; then `rows` may be empty. 0 <= p < 1.
struct RowDropout {
  float p = 0;
  uint64_t seed = 0;
  uint32_t site = 0;  // draw_site(layer, site)
  RowKeys rows;
};

// y = dropout(x). Its own backward pass: call it with dy for x and dx for y. y may be x.
struct DropoutApply {
  Tensor x;     // in  [R, C] float
  Tensor y;     // out [R, C] dtype of x
  Tensor live;  // in [1, 1] i32, optional: how many rows count (live_rows.h)
  RowDropout dropout;
};

// Throws Error unless the shapes hold and, with p > 0, the row keys have R entries.
void dropout_apply(Backend&, const DropoutApply&);
void check_dropout(const RowDropout&, int64_t rows, int64_t cols);

}  // namespace encore
