// Matrix products through oneDNN: primitives kept by shape, weights kept packed.
#pragma once

#include <memory>

#include "kernels/base/tensor.h"

namespace encore::cpu {

class Gemm {
 public:
  Gemm();
  ~Gemm();

  // c [M, N] = a [M, K] w' (+ bias) (+ c if accumulate). w' is w [N, K] transposed, or w [K, N] itself.
  // `w` is a weight: its packed form is kept by address and layout until weights_changed().
  void times_weight(const Tensor& a, const Tensor& w, bool transposed, const Tensor& bias, const Tensor& c,
                    bool accumulate);
  // c [N, K] += a^T b, a [M, N], b [M, K], c fp32.
  void add_transposed_times(const Tensor& a, const Tensor& b, const Tensor& c);

  void weights_changed();
  size_t bytes() const;  // packed weights and scratchpads

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace encore::cpu
