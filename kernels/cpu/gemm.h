// Matrix products through oneDNN. Primitives are kept by shape and weights in packed form; with 2 to 8 threads each
// thread computes a slice of the result (gemm_slices.h).
#pragma once

#include <memory>

#include "kernels/base/tensor.h"

namespace encore::cpu {

class Gemm {
 public:
  explicit Gemm(int threads);
  ~Gemm();

  // c [M, N] = a [M, K] w' (+ bias [1, N] fp32) (+ c if accumulate); w' is the transpose of w [N, K], or w [K, N]
  // itself. All of one float dtype. A weight that is used a second time before weights_changed() is kept packed.
  void times_weight(const Tensor& a, const Tensor& w, bool transposed, const Tensor& bias, const Tensor& c,
                    bool accumulate);
  // c [N, K] += a^T b; a [M, N], b [M, K] of one float dtype, c fp32.
  void add_transposed_times(const Tensor& a, const Tensor& b, const Tensor& c);

  void weights_changed();
  size_t bytes() const;  // packed weights, scratchpad and (an estimate) primitives

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace encore::cpu
