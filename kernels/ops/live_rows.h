// Batches of a fixed capacity. A CUDA graph is launched with the shapes of the largest batch; the kernels read from
// backend memory how many of the rows hold tokens.
//
// An op with a field `live` ([1, 1] i32 in backend memory, 0 <= live <= rows; absent: every row counts) treats the rows
// from `live` on as spare: it does not read them, writes zeros to them, and adds nothing of them to any gradient.
#pragma once

#include <initializer_list>

#include "kernels/ops/dropout.h"

namespace encore {

class Arguments;

// Cuts the tensors of a call to their live rows, for backends that take the number of rows from the shapes. Converts to
// true when `live` is given and the backend does not read it; the op then cuts its tensors with the members below and
// calls itself again.
class LiveRows {
 public:
  // Throws Error unless live is absent or i32 [1, 1] and, where it is read here, 0 <= live <= rows.
  LiveRows(Backend&, const Arguments&, const Tensor& live, int64_t rows);
  explicit operator bool() const { return cut_; }

  // Absent tensors stay absent. A list [1, R] has an entry for each row.
  void inputs(std::initializer_list<Tensor*> matrices) const;
  void input_lists(std::initializer_list<Tensor*> lists) const;
  // The spare rows become zeros.
  void results(std::initializer_list<Tensor*> matrices) const;
  void result_lists(std::initializer_list<Tensor*> lists) const;
  void keys(RowDropout&) const;

 private:
  Backend& backend_;
  bool cut_;
  int64_t count_ = 0;
};

}  // namespace encore
