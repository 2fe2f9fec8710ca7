// The CPU backend: matrix products through oneDNN, every other op vectorised over OpenMP (README.md of this folder).
#pragma once

#include <memory>
#include <unordered_map>

#include "kernels/backend.h"

namespace encore {

namespace cpu {
class Gemm;
}

class CpuBackend : public Backend {
 public:
  // threads: 0 = the cores of this process's affinity mask. Sets the OpenMP thread count of the calling thread.
  explicit CpuBackend(int threads);
  ~CpuBackend() override;
  CpuBackend(const CpuBackend&) = delete;
  CpuBackend& operator=(const CpuBackend&) = delete;

  std::string description() const override;
  bool native_bf16() const override;
  int threads() const { return threads_; }

  void* allocate(size_t bytes) override;
  void free(void* p) override;
  void copy_to_device(void* device, const void* host, size_t bytes) override;
  void copy_to_host(void* host, const void* device, size_t bytes) override;
  void copy_on_device(void* to, const void* from, size_t bytes) override;
  void fill_zero(void* device, size_t bytes) override;

  void weights_changed() override;
  size_t workspace_bytes() const override;
  LinearMemory linear_memory(const LinearShape&) const override;
  int64_t most_kernels() const override;

  void linear_forward(const LinearForward&) override;
  void linear_backward_input(const LinearBackwardInput&) override;
  void linear_backward_weight(const LinearBackwardWeight&) override;
  void attention_forward(const AttentionForward&) override;
  void attention_backward(const AttentionBackward&) override;
  void layernorm_forward(const LayerNormForward&) override;
  void layernorm_backward(const LayerNormBackward&) override;
  void embedding_forward(const EmbeddingForward&) override;
  void embedding_backward(const EmbeddingBackward&) override;
  void gelu_forward(const GeluForward&) override;
  void gelu_backward(const GeluBackward&) override;
  void tanh_forward(const TanhForward&) override;
  void tanh_backward(const TanhBackward&) override;
  void dropout_apply(const DropoutApply&) override;
  void cross_entropy(const CrossEntropy&) override;
  void gather_rows(const GatherRows&) override;
  void scatter_rows(const ScatterRows&) override;
  void bias_gradient(const BiasGradient&) override;
  void sum_of_squares(const SumOfSquares&) override;
  void cast(const Cast&) override;
  void adamw(const AdamW&) override;
  void relu_forward(const ReluForward&) override;
  void relu_backward(const ReluBackward&) override;
  void bag_linear_forward(const BagLinearForward&) override;
  void bag_linear_backward(const BagLinearBackward&) override;
  void logistic_normal_forward(const LogisticNormalForward&) override;
  void logistic_normal_backward(const LogisticNormalBackward&) override;
  void bag_likelihood(const BagLikelihood&) override;

 private:
  // Scratch of the running op, aligned to 256 bytes, contents undefined; valid until the next call. Grows and stays.
  void* scratch(size_t bytes);
  template <class T>
  T* scratch_of(size_t count) {
    return static_cast<T*>(scratch(count * sizeof(T)));
  }

  int threads_;
  std::unique_ptr<cpu::Gemm> gemm_;
  std::unordered_map<void*, size_t> mapped_;  // blocks that came from mmap, and their lengths
  void* scratch_ = nullptr;
  size_t scratch_bytes_ = 0;
};

}  // namespace encore
