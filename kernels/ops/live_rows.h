// Batches of a fixed capacity: a step that a CUDA graph holds is launched with the shapes of the largest batch, and how
// many rows of it count is read from backend memory.
//
// An op with a field `live` ([1, 1] i32, in backend memory; absent: every row counts) treats rows from live on as
// spare: it reads nothing of them, writes zeros to what it writes by row, and adds nothing of them to any gradient. 0
// <= live <= rows.
#pragma once

#include <initializer_list>

#include "kernels/ops/dropout.h"

namespace encore {

class Arguments;

// Cuts a call to its live rows in front of backends that take the number of rows from the shapes. True when there is a
// count and the backend does not read it itself; then the op calls itself again with what the members below have cut.
class LiveRows {
 public:
  // Throws Error unless live is absent or i32 [1, 1] and, where it is read here, 0 <= live <= rows.
  LiveRows(Backend&, const Arguments&, const Tensor& live, int64_t rows);
  explicit operator bool() const { return cut_; }

  // Absent tensors stay absent. A list has an entry a row.
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
