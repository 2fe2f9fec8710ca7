// A backend that has memory and no ops, for parsers that fill buffers: the fuzz build needs no kernels.
#pragma once

#include <cstdlib>
#include <cstring>

#include "kernels/backend.h"

namespace encore::fuzz {

class MemoryBackend final : public Backend {
 public:
  std::string description() const override { return "memory"; }
  bool native_bf16() const override { return false; }
  void* allocate(size_t bytes) override { return std::calloc(bytes + 1, 1); }
  void free(void* p) override { std::free(p); }
  void copy_to_device(void* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
  void copy_to_host(void* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
  void copy_on_device(void* to, const void* from, size_t bytes) override { std::memcpy(to, from, bytes); }
  void fill_zero(void* p, size_t bytes) override { std::memset(p, 0, bytes); }
  void weights_changed() override {}
  size_t workspace_bytes() const override { return 0; }

  void linear_forward(const LinearForward&) override { none(); }
  void linear_backward_input(const LinearBackwardInput&) override { none(); }
  void linear_backward_weight(const LinearBackwardWeight&) override { none(); }
  void attention_forward(const AttentionForward&) override { none(); }
  void attention_backward(const AttentionBackward&) override { none(); }
  void layernorm_forward(const LayerNormForward&) override { none(); }
  void layernorm_backward(const LayerNormBackward&) override { none(); }
  void embedding_forward(const EmbeddingForward&) override { none(); }
  void embedding_backward(const EmbeddingBackward&) override { none(); }
  void gelu_forward(const GeluForward&) override { none(); }
  void gelu_backward(const GeluBackward&) override { none(); }
  void tanh_forward(const TanhForward&) override { none(); }
  void tanh_backward(const TanhBackward&) override { none(); }
  void dropout_apply(const DropoutApply&) override { none(); }
  void cross_entropy(const CrossEntropy&) override { none(); }
  void gather_rows(const GatherRows&) override { none(); }
  void scatter_rows(const ScatterRows&) override { none(); }
  void bias_gradient(const BiasGradient&) override { none(); }
  void sum_of_squares(const SumOfSquares&) override { none(); }
  void cast(const Cast&) override { none(); }
  void adamw(const AdamW&) override { none(); }
  void relu_forward(const ReluForward&) override { none(); }
  void relu_backward(const ReluBackward&) override { none(); }
  void bag_linear_forward(const BagLinearForward&) override { none(); }
  void bag_linear_backward(const BagLinearBackward&) override { none(); }
  void logistic_normal_forward(const LogisticNormalForward&) override { none(); }
  void logistic_normal_backward(const LogisticNormalBackward&) override { none(); }
  void bag_likelihood(const BagLikelihood&) override { none(); }

 private:
  // Not an Error: a parser that computes is a finding.
  [[noreturn]] static void none() { throw std::logic_error("an op was called"); }
};

}  // namespace encore::fuzz
