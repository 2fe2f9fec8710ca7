// Matrix products through cuBLASLt: a plan for each shape, and an algorithm chosen once for it and its neighbours.
//
// cuBLASLt thinks in columns: a row-major [M, N] is its column-major [N, M], so every product here is computed
// transposed and nothing is copied. bf16 products accumulate in fp32; fp32 products use no TF32.
#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <string>

#include "kernels/base/tensor.h"

namespace encore::cuda {

class Gemm {
 public:
  // Throws DeviceError when cuBLASLt cannot be used. stream: where every product runs. device: its model's name, for
  // the algorithms kept on disk (gemm_cache.h).
  Gemm(cudaStream_t stream, const std::string& device);
  ~Gemm();
  Gemm(const Gemm&) = delete;
  Gemm& operator=(const Gemm&) = delete;

  // All of one float dtype. bias [1, N] in fp32, optional; bf16 products add it rounded to bf16, as autocast does.
  void forward(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& y);        // y = x w^T + bias
  void backward_input(const Tensor& dy, const Tensor& w, const Tensor& dx, bool accumulate);  // dx (+)= dy w
  void backward_weight(const Tensor& dy, const Tensor& x, const Tensor& dw);                  // dw += dy^T x

  // Device memory set aside for split-K and the like.
  size_t workspace_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace encore::cuda
