// A planned region of memory. The same planning code runs twice, so that size and layout cannot disagree: first over an
// arena without memory, which adds up the bytes and keeps the names, then over one with memory, which hands it out.
#pragma once

#include <string>
#include <vector>

#include "kernels/base/tensor.h"

namespace encore {

class Arena {
 public:
  static constexpr size_t kAlignment = 256;

  struct Entry {
    std::string name;
    size_t bytes;
  };

  Arena() = default;                                                                            // measures
  Arena(void* base, size_t capacity) : base_(static_cast<char*>(base)), capacity_(capacity) {}  // hands out

  bool measuring() const { return base_ == nullptr; }

  // A tensor at the next aligned place. While measuring, the tensor has a shape and no data.
  // Throws Error when the measured capacity is too small: the caller's plan differed between the two runs.
  Tensor take(std::string_view name, DType dtype, int64_t rows, int64_t cols) {
    Tensor t(nullptr, dtype, rows, cols);
    const size_t bytes = (t.bytes() + kAlignment - 1) / kAlignment * kAlignment;
    if (base_) {
      check(used_ + bytes <= capacity_, "the arena of {} bytes has no room for {} {}", capacity_, name, t.str());
      t.data = base_ + used_;
    } else {
      entries_.push_back({std::string(name), bytes});
    }
    used_ += bytes;
    if (used_ > peak_) peak_ = used_;
    return t;
  }

  // Scratch: release(mark) gives back everything that was taken after mark().
  size_t mark() const { return used_; }
  void release(size_t mark) { used_ = mark; }

  size_t used() const { return used_; }
  size_t peak() const { return peak_; }
  const std::vector<Entry>& entries() const { return entries_; }  // empty unless measuring

 private:
  char* base_ = nullptr;
  size_t capacity_ = 0;
  size_t used_ = 0;
  size_t peak_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace encore
