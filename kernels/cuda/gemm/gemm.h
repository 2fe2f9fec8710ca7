// Matrix products through cuBLASLt: a plan for each shape, and an algorithm that is chosen once for a shape and its
// neighbours.
//
// cuBLASLt's matrices are column-major. A row-major [M, N] is a column-major [N, M], so every product is computed
// transposed, and nothing is copied. bf16 products accumulate in fp32; fp32 products use no TF32.
#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <string>

#include "kernels/base/tensor.h"

namespace encore::cuda {

class Gemm {
 public:
  // Throws DeviceError when cuBLASLt cannot be used, Error when there is no memory for its workspace. stream: where
  // every product runs. device: the model's name, for the algorithms kept on disk (algorithm_cache.h).
  Gemm(cudaStream_t stream, const std::string& device);
  ~Gemm();
  Gemm(const Gemm&) = delete;
  Gemm& operator=(const Gemm&) = delete;

  // All of one float dtype. bias [1, N] in fp32, optional; bf16 products add it rounded to bf16, as autocast does.
  void forward(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& y);        // y = x w^T + bias
  void backward_input(const Tensor& dy, const Tensor& w, const Tensor& dx, bool accumulate);  // dx (+)= dy w
  void backward_weight(const Tensor& dy, const Tensor& x, const Tensor& dw);                  // dw += dy^T x

  // Device memory for split-K and the like, and for the rounded bias.
  size_t workspace_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace encore::cuda
