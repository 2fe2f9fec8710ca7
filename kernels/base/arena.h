// A planned region of memory. The same planning code runs twice: over an arena without memory (adds up the bytes and
// remembers the names), then over one with memory (hands it out), so that size and layout cannot disagree.
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
  // Throws Error when the capacity that was measured does not suffice (a fault of the caller's plan).
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

  // Scratch: what was taken after a mark is given back by release(mark).
  size_t mark() const { return used_; }
  void release(size_t mark) { used_ = mark; }

  size_t used() const { return used_; }
  size_t peak() const { return peak_; }
  const std::vector<Entry>& entries() const { return entries_; }  // of a measuring arena

 private:
  char* base_ = nullptr;
  size_t capacity_ = 0;
  size_t used_ = 0;
  size_t peak_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace encore
