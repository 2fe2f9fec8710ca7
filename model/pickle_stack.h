// The input and the stack of the pickle machine. Only model/pickle_machine.cpp includes this file.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernels/base/check.h"
#include "model/pickle_machine.h"

namespace encore {

class PickleStack {
 public:
  using Kind = PickleValue::Kind;

  PickleStack(std::span<const uint8_t> bytes, size_t position, const std::string& file)
      : bytes_(bytes), at_(position), file_(file) {}
  size_t position() const { return at_; }

 protected:
  // A dictionary of ten thousand tensors needs a tenth of this.
  static constexpr size_t kMostValues = size_t(1) << 20;

  // ---- errors and input
  void require(bool ok, const char* what) const {
    check(ok, "{}: not a dictionary of tensors: the pickle {} (byte {})", file_, what, start_);
  }
  std::span<const uint8_t> take(uint64_t count) {
    check(count <= bytes_.size() - at_, "{}: the pickle ends inside opcode at byte {}; the file is cut short", file_,
          start_);
    const auto part = bytes_.subspan(at_, size_t(count));
    at_ += size_t(count);
    return part;
  }
  uint8_t byte() { return take(1)[0]; }
  uint64_t unsigned_of(int width) {
    const auto part = take(uint64_t(width));
    uint64_t value = 0;
    for (int i = width - 1; i >= 0; --i) value = value << 8 | part[size_t(i)];
    return value;
  }
  std::string_view text(uint64_t length) {
    const auto part = take(length);
    return {reinterpret_cast<const char*>(part.data()), part.size()};
  }
  std::string_view line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_, bytes_.size() - at_);
    const size_t end = rest.find('\n');
    check(end != rest.npos, "{}: the pickle ends inside opcode at byte {}; the file is cut short", file_, start_);
    at_ += end + 1;
    return rest.substr(0, end);
  }

  // ---- the stack
  int32_t push(PickleValue value) {
    require(out_.values.size() < kMostValues, "holds too many objects");
    out_.values.push_back(std::move(value));
    stack_.push_back(int32_t(out_.values.size()) - 1);
    return stack_.back();
  }
  void push_integer(int64_t value, Kind kind = Kind::kInteger) { push({.kind = kind, .integer = value}); }
  void push_text(std::string_view value) { push({.kind = Kind::kString, .text = value}); }
  // The number of values below the innermost mark, which must stay on the stack.
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  int32_t pop() {
    require(stack_.size() > floor(), "takes from an empty stack");
    const int32_t index = stack_.back();
    stack_.pop_back();
    return index;
  }
  std::vector<int32_t> pop_to_mark() {
    require(!marks_.empty(), "lacks a mark");
    const auto from = stack_.begin() + int64_t(marks_.back());
    std::vector<int32_t> items(from, stack_.end());
    stack_.erase(from, stack_.end());
    marks_.pop_back();
    return items;
  }
  PickleValue& top() {
    require(stack_.size() > floor(), "takes from an empty stack");
    return out_.values[size_t(stack_.back())];
  }
  const PickleValue& at(int32_t index) const { return out_.at(index); }
  int64_t integer_at(int32_t index) const {
    require(at(index).kind == Kind::kInteger, "has something else where a whole number belongs");
    return at(index).integer;
  }
  std::vector<int64_t> integers_at(int32_t index) const {
    require(at(index).kind == Kind::kTuple && at(index).items.size() <= 32, "has something else where a shape belongs");
    std::vector<int64_t> numbers;
    for (const int32_t item : at(index).items) numbers.push_back(integer_at(item));
    return numbers;
  }

  std::span<const uint8_t> bytes_;
  size_t at_ = 0, start_ = 0;  // the next byte; the current opcode
  const std::string& file_;
  Pickle out_;
  std::vector<int32_t> stack_;
  std::vector<size_t> marks_;
};

}  // namespace encore
