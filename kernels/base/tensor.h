// A typed, shaped pointer that owns nothing. Everything is a matrix [rows, cols]; a vector is [1, n].
#pragma once

#include <string>

#include "kernels/base/dtype.h"

namespace encore {

struct Tensor {
  void* data = nullptr;
  DType dtype = DType::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t ld = 0;  // elements from one row to the next; >= cols

  Tensor() = default;
  Tensor(void* data, DType dtype, int64_t rows, int64_t cols)
      : data(data), dtype(dtype), rows(rows), cols(cols), ld(cols) {}
  template <class T>
  Tensor(T* data, int64_t rows, int64_t cols)
      : Tensor(const_cast<std::remove_const_t<T>*>(data), dtype_of<std::remove_const_t<T>>, rows, cols) {}

  // False: absent, as an optional field may be.
  explicit operator bool() const { return data != nullptr; }

  int64_t size() const { return rows * cols; }
  size_t bytes() const { return size_t(size()) * size_of(dtype); }
  bool contiguous() const { return ld == cols || rows <= 1; }

  // REQUIRES: T is the element type that dtype names.
  template <class T>
  T* ptr() const {
    return static_cast<T*>(data);
  }
  template <class T>
  T* row(int64_t r) const {
    return ptr<T>() + r * ld;
  }

  // Views of the same memory.
  Tensor row_range(int64_t first, int64_t count) const {
    Tensor t = *this;
    t.data = static_cast<char*>(data) + size_t(first * ld) * size_of(dtype);
    t.rows = count;
    return t;
  }
  Tensor col_range(int64_t first, int64_t count) const {
    Tensor t = *this;
    t.data = static_cast<char*>(data) + size_t(first) * size_of(dtype);
    t.cols = count;
    return t;
  }
  // The same elements as [new_rows, new_cols]. REQUIRES: contiguous, equal size.
  Tensor reshaped(int64_t new_rows, int64_t new_cols) const { return {data, dtype, new_rows, new_cols}; }

  // "bf16 [40, 768]"
  std::string str() const { return fmt::format("{} [{}, {}]", name_of(dtype), rows, cols); }
};

}  // namespace encore
