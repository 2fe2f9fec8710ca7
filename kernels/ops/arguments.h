// Checks of tensors that every op uses. A message reads "layernorm_forward: gamma is fp32 [1, 3], not fp32 [1, 768]".
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "kernels/base/tensor.h"

namespace encore {

// The arguments of one call of `op`. Every member throws Error naming the op, the tensor, its shape and what it must
// be. An extent of -1 accepts any.
class Arguments {
 public:
  explicit Arguments(const char* op) : op_(op) {}

  // The tensor must be present and have this dtype and shape.
  void require(const Tensor& t, const char* name, DType dtype, int64_t rows, int64_t cols) const {
    layout(t, name);
    if (t.dtype != dtype || !fits(t, rows, cols)) wrong(t, name, name_of(dtype), rows, cols);
  }
  // The same, unless the tensor is absent.
  void optional(const Tensor& t, const char* name, DType dtype, int64_t rows, int64_t cols) const {
    if (t) require(t, name, dtype, rows, cols);
  }
  // fp32 or bf16.
  void require_float(const Tensor& t, const char* name, int64_t rows, int64_t cols) const {
    layout(t, name);
    if ((t.dtype != DType::kF32 && t.dtype != DType::kBF16) || !fits(t, rows, cols))
      wrong(t, name, "fp32 or bf16", rows, cols);
  }
  // out must be `in` itself or not overlap it: of a shifted view, elements of `in` would be overwritten before they are
  // read.
  void same_or_apart(const Tensor& out, const char* out_name, const Tensor& in, const char* in_name) const {
    if (out.data != in.data || (out.ld != in.ld && out.rows > 1)) apart(out, out_name, in, in_name);
  }
  void apart(const Tensor& out, const char* out_name, const Tensor& in, const char* in_name) const {
    check(!overlap(out, in), "{}: {} {} shares memory with {} {}", op_, out_name, out.str(), in_name, in.str());
  }
  const char* op() const { return op_; }

 private:
  static bool fits(const Tensor& t, int64_t rows, int64_t cols) {
    return (rows < 0 || t.rows == rows) && (cols < 0 || t.cols == cols);
  }
  void layout(const Tensor& t, const char* name) const {
    check(t.data != nullptr || (t.size() == 0 && (t.rows > 0 || t.cols > 0)), "{}: {} is missing", op_, name);
    check(t.rows >= 0 && t.cols >= 0, "{}: {} has the shape [{}, {}]", op_, name, t.rows, t.cols);
    check(reinterpret_cast<uintptr_t>(t.data) % size_of(t.dtype) == 0,
          "{}: {} {} starts at an address that is no multiple of {} bytes", op_, name, t.str(), size_of(t.dtype));
    check(t.rows <= 1 || t.ld >= t.cols, "{}: {} {} has rows only {} elements apart", op_, name, t.str(), t.ld);
  }
  [[noreturn]] void wrong(const Tensor& t, const char* name, std::string_view dtype, int64_t rows, int64_t cols) const {
    const auto extent = [](int64_t n) { return n < 0 ? std::string("any") : std::to_string(n); };
    fail("{}: {} is {}, not {} [{}, {}]", op_, name, t.str(), dtype, extent(rows), extent(cols));
  }
  // Two column ranges of one matrix interleave in memory without sharing an element; the distance between rows is the
  // same for both then.
  static bool overlap(const Tensor& a, const Tensor& b) {
    if (!a || !b || a.size() == 0 || b.size() == 0) return false;
    const auto begin = [](const Tensor& t) { return reinterpret_cast<uintptr_t>(t.data); };
    const auto pitch = [](const Tensor& t) { return uintptr_t(t.rows > 1 ? t.ld : t.cols) * size_of(t.dtype); };
    const auto width = [](const Tensor& t) { return uintptr_t(t.cols) * size_of(t.dtype); };
    const auto end = [&](const Tensor& t) { return begin(t) + uintptr_t(t.rows - 1) * pitch(t) + width(t); };
    if (end(a) <= begin(b) || end(b) <= begin(a)) return false;
    if (a.rows <= 1 || b.rows <= 1 || pitch(a) != pitch(b)) return true;
    const Tensor& low = begin(a) <= begin(b) ? a : b;
    const Tensor& high = begin(a) <= begin(b) ? b : a;
    const uintptr_t shift = (begin(high) - begin(low)) % pitch(low);
    return shift < width(low) || shift + width(high) > pitch(low);
  }

  const char* op_;
};

}  // namespace encore
