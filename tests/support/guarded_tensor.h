// A tensor in backend memory for tests: its surroundings (before, after, and between the rows of a strided view) hold a
// pattern that no op may touch.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/backend.h"

namespace encore::test {

class GuardedTensor {
 public:
  // ld = 0: no gap between rows. The contents are the pattern until set.
  GuardedTensor(Backend& backend, DType dtype, int64_t rows, int64_t cols, int64_t ld = 0)
      : backend_(&backend), host_((kGuard * 2 + size_t(rows * (ld ? ld : cols)) * size_of(dtype)), kPattern) {
    block_ = backend.allocate(host_.size());
    tensor_ = Tensor(static_cast<char*>(block_) + kGuard, dtype, rows, cols);
    if (ld) tensor_.ld = ld;
    upload();
  }
  GuardedTensor(const GuardedTensor&) = delete;
  ~GuardedTensor() { backend_->free(block_); }

  const Tensor& operator*() const { return tensor_; }
  const Tensor* operator->() const { return &tensor_; }
  operator const Tensor&() const { return tensor_; }

  // Values are rounded to the dtype. REQUIRES: values.size() == rows * cols.
  void set(const std::vector<double>& values) {
    for (int64_t r = 0; r < tensor_.rows; ++r)
      for (int64_t c = 0; c < tensor_.cols; ++c) put(r, c, values[size_t(r * tensor_.cols + c)]);
    upload();
  }
  void fill(double value) { set(std::vector<double>(size_t(tensor_.size()), value)); }
  void fill_normal(std::mt19937_64& random, double deviation = 1, double mean = 0) {
    std::normal_distribution<double> normal(mean, deviation);
    std::vector<double> values(size_t(tensor_.size()));
    for (double& v : values) v = normal(random);
    set(values);
  }
  // The values, read back from the backend row by row.
  std::vector<double> get() {
    download();
    std::vector<double> values;
    for (int64_t r = 0; r < tensor_.rows; ++r)
      for (int64_t c = 0; c < tensor_.cols; ++c) values.push_back(at(r, c));
    return values;
  }
  // True if every byte outside the rows and columns still holds the pattern.
  bool guards_hold() {
    download();
    std::vector<bool> inside(host_.size());
    const size_t width = size_t(tensor_.cols) * size_of(tensor_.dtype);
    for (int64_t r = 0; r < tensor_.rows; ++r)
      for (size_t i = 0; i < width; ++i) inside[offset(r, 0) + i] = true;
    for (size_t i = 0; i < host_.size(); ++i)
      if (!inside[i] && host_[i] != kPattern) return false;
    return true;
  }

 private:
  static constexpr size_t kGuard = 256;
  static constexpr unsigned char kPattern = 0xA5;

  size_t offset(int64_t r, int64_t c) const { return kGuard + size_t(r * tensor_.ld + c) * size_of(tensor_.dtype); }
  template <class T>
  void put_as(size_t at, double v) {
    T x;
    if constexpr (std::is_same_v<T, bf16>)
      x = to_bf16(float(v));
    else
      x = T(v);
    std::memcpy(&host_[at], &x, sizeof x);
  }
  template <class T>
  T get_as(size_t at) const {
    T x;
    std::memcpy(&x, &host_[at], sizeof x);
    return x;
  }
  void put(int64_t r, int64_t c, double v) {
    const size_t at = offset(r, c);
    switch (tensor_.dtype) {
      case DType::kF32: return put_as<float>(at, v);
      case DType::kF64: return put_as<double>(at, v);
      case DType::kBF16: return put_as<bf16>(at, v);
      case DType::kI32: return put_as<int32_t>(at, v);
      case DType::kI64: return put_as<int64_t>(at, v);
      case DType::kU64: return put_as<uint64_t>(at, v);
      case DType::kU8: return put_as<uint8_t>(at, v);
      default: FAIL() << "dtype";
    }
  }
  double at(int64_t r, int64_t c) const {
    const size_t at = offset(r, c);
    switch (tensor_.dtype) {
      case DType::kF32: return double(get_as<float>(at));
      case DType::kF64: return get_as<double>(at);
      case DType::kBF16: return double(to_float(get_as<bf16>(at)));
      case DType::kI32: return get_as<int32_t>(at);
      case DType::kI64: return double(get_as<int64_t>(at));
      case DType::kU64: return double(get_as<uint64_t>(at));
      default: return get_as<uint8_t>(at);
    }
  }
  void upload() { backend_->copy_to_device(block_, host_.data(), host_.size()); }
  void download() { backend_->copy_to_host(host_.data(), block_, host_.size()); }

  Backend* backend_;
  std::vector<unsigned char> host_;
  void* block_ = nullptr;
  Tensor tensor_;
};

// Rounds to the dtype, as storing does.
inline double rounded(double v, DType dtype) {
  return dtype == DType::kBF16 ? double(to_float(to_bf16(float(v)))) : double(float(v));
}

// The largest difference. A NaN or an infinity in only one of the two counts as an infinite difference.
inline double worst_difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return HUGE_VAL;
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double d = std::fabs(a[i] - b[i]);
    worst = std::isfinite(d) ? std::max(worst, d) : HUGE_VAL;
  }
  return worst;
}

inline double largest(const std::vector<double>& a) {
  double most = 0;
  for (double v : a) most = std::max(most, std::fabs(v));
  return most;
}

}  // namespace encore::test
