// Buffers, options and line numbers for the executor's tests.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <gtest/gtest.h>
#include <simt/executor.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace simt_test {

// Device memory of exactly n elements, filled with NaN.
template <class T>
class Buffer {
 public:
  explicit Buffer(size_t n) : n_(n) { EXPECT_EQ(cudaMalloc(&p_, n * sizeof(T)), cudaSuccess); }
  ~Buffer() { cudaFree(p_); }
  Buffer(const Buffer&) = delete;
  T* get() { return p_; }
  T& operator[](size_t i) { return p_[i]; }
  size_t size() const { return n_; }

 private:
  T* p_ = nullptr;
  size_t n_;
};

template <class T>
void fill_normal(Buffer<T>& b, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (size_t i = 0; i < b.size(); ++i) b[i] = T(normal(random));
}

// Options for one test; the destructor restores the former ones.
class With {
 public:
  explicit With(void (*change)(simt::Options&)) : With() { change(simt::options()); }
  With() : old_(simt::options()) {}
  ~With() { simt::options() = old_; }
  With(const With&) = delete;

 private:
  simt::Options old_;
};

// "file:line" of the line marked [tag].
inline std::string place(const std::string& file, const std::string& tag) {
  std::ifstream in(std::string(SIMT_TEST_FOLDER) + "/" + file);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.find("// [" + tag + "]") != std::string::npos) return file + ":" + std::to_string(number);
  }
  ADD_FAILURE() << "no line of " << file << " is marked [" << tag << "]";
  return "?";
}

// Expects that a launch failed with a message that holds every part.
inline void expect_failure(cudaError_t e, const std::vector<std::string>& parts) {
  EXPECT_EQ(e, cudaErrorLaunchFailure);
  for (const std::string& part : parts)
    EXPECT_NE(simt::last_error().find(part), std::string::npos) << "'" << part << "' is not in: " << simt::last_error();
}

// Largest |C - A B^T| against double precision; NaN counts as infinite. b is [n,k], or [k,n] when transposed.
inline double matmul_error(Buffer<__nv_bfloat16>& a, Buffer<__nv_bfloat16>& b, Buffer<float>& c, int m, int n, int k,
                           bool transposed, double scale) {
  double worst = 0;
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      double sum = 0;
      for (int l = 0; l < k; ++l) {
        sum += double(float(a[size_t(i) * k + l])) * float(transposed ? b[size_t(l) * n + j] : b[size_t(j) * k + l]);
      }
      const double error = std::fabs(scale * sum - c[size_t(i) * n + j]);
      if (!(error <= worst)) worst = std::isnan(error) ? INFINITY : error;
    }
  }
  return worst;
}

}  // namespace simt_test
