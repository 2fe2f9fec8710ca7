// The fixture of op tests: a backend, guarded tensors that are checked when the test ends, and the tolerance rule.
#pragma once

#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <string>

#include "kernels/ops/dropout.h"
#include "tests/reference/ops_reference.h"
#include "tests/support/guarded_tensor.h"
#include "tests/support/test_backend.h"

namespace encore::test {

using Values = std::vector<double>;

class OpTest : public ::testing::Test {
 protected:
  void TearDown() override {
    for (size_t i = 0; i < tensors_.size(); ++i)
      EXPECT_TRUE(tensors_[i].guards_hold()) << "memory around tensor " << i << " was written: " << tensors_[i]->str();
  }

  Backend& backend() { return *backend_; }

  // gap: elements between one row and the next.
  GuardedTensor& make(DType dtype, int64_t rows, int64_t cols, int64_t gap = 0) {
    return tensors_.emplace_back(backend(), dtype, rows, cols, cols + gap);
  }
  GuardedTensor& normal(DType dtype, int64_t rows, int64_t cols, double deviation = 1, double mean = 0,
                        int64_t gap = 0) {
    GuardedTensor& t = make(dtype, rows, cols, gap);
    t.fill_normal(random_, deviation, mean);
    return t;
  }
  GuardedTensor& given(DType dtype, int64_t rows, int64_t cols, const Values& values) {
    GuardedTensor& t = make(dtype, rows, cols);
    t.set(values);
    return t;
  }
  // Filled with NaN, which shows elements that the op does not write.
  GuardedTensor& blank(DType dtype, int64_t rows, int64_t cols, int64_t gap = 0) {
    GuardedTensor& t = make(dtype, rows, cols, gap);
    t.fill(NAN);
    return t;
  }

  // Dropout over rows of three sequences laid end to end, and the factor of each element: 0 or the scale.
  struct KeyedDropout {
    RowDropout args;
    Values factor;
  };
  KeyedDropout dropout(float p, int64_t rows, int64_t cols) {
    KeyedDropout d;
    d.args.p = p;
    d.args.seed = 0x123456789abcdef0u;
    d.args.site = draw_site(5, Site::kFeedForwardOutput);
    const Values keys{double(example_key(3, 17)), double(example_key(3, 4)), 900};
    Values sequence, position;
    const int64_t length = rows / 3 + 1;
    for (int64_t r = 0; r < rows; ++r) {
      sequence.push_back(double(r / length));
      position.push_back(double(r % length));
    }
    d.factor = reference::row_dropout(p, d.args.seed, d.args.site, sequence, position, keys, rows, cols);
    if (p > 0)
      d.args.rows = {given(DType::kI32, 1, rows, sequence), given(DType::kI32, 1, rows, position),
                     given(DType::kU64, 1, 3, keys)};
    return d;
  }

  std::unique_ptr<Backend> backend_ = make_test_backend(2);
  std::mt19937_64 random_{20};

 private:
  std::deque<GuardedTensor> tensors_;
};

// The tolerance rule: the error of `got` against `exact` may be twice that of `plain`, the same loops in single
// precision rounded to the dtype at the end, plus `floor` times the largest value (times `terms`, where larger terms
// cancel).
inline void expect_close(const char* what, const Values& got, const Values& exact, Values plain, DType dtype,
                         double floor = 3e-7, double terms = 0) {
  for (double& v : plain) v = rounded(v, dtype);
  const double error = worst_difference(got, exact), allowed = 2 * worst_difference(plain, exact);
  EXPECT_LE(error, allowed + floor * std::max(terms, largest(exact)))
      << what << " (plain loops: " << allowed / 2 << ")";
}

inline Values sum_of(const Values& a, const Values& b) {
  Values c = a;
  for (size_t i = 0; i < c.size(); ++i) c[i] += b[i];
  return c;
}

// Expects the same values. NaN equals NaN.
inline void expect_same(const char* what, const Values& a, const Values& b) {
  EXPECT_EQ(worst_difference(a, b), 0) << what;
}

// The gradient of `loss` at the vector `at`, by central differences.
template <class Loss>
Values finite_differences(Values at, Loss&& loss, double step = 1e-5) {
  Values gradient(at.size());
  for (size_t i = 0; i < at.size(); ++i) {
    const double saved = at[i];
    at[i] = saved + step;
    const double up = loss(at);
    at[i] = saved - step;
    gradient[i] = (up - loss(at)) / (2 * step);
    at[i] = saved;
  }
  return gradient;
}

inline double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// The message of the Error that f throws; "" if it throws none.
template <class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.exit_code(), 2);
    return e.what();
  }
  return "";
}

}  // namespace encore::test
