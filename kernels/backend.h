// The one interface between the model and the hardware: a device (kernels/device.h) and the ops that it computes,
// forward and backward.
//
// Model code calls the free functions of kernels/ops/*.h, which check their arguments once for all backends and then
// call the method of the same name here. The contract of an op is in its header.
//
// Values that index something (ids, labels, rows, cu_seqlens, segments, counts) lie in backend memory. The backend
// checks them, in every build, before it uses them, and throws Error naming the op, the list, the index and the value.
// A GPU has to wait for the device to report each check, so set_index_checks(false) serves callers that have checked
// their batches on the host before the upload (check_batch in model/device_batch.h). Captured steps need it.
//
// Parameter gradients are added to; activation gradients are overwritten; nothing repairs a NaN.
#pragma once

#include "kernels/device.h"
#include "kernels/ops/adamw.h"
#include "kernels/ops/attention.h"
#include "kernels/ops/bag_likelihood.h"
#include "kernels/ops/bag_linear.h"
#include "kernels/ops/cast.h"
#include "kernels/ops/cross_entropy.h"
#include "kernels/ops/dropout.h"
#include "kernels/ops/embedding.h"
#include "kernels/ops/gather.h"
#include "kernels/ops/gelu.h"
#include "kernels/ops/layernorm.h"
#include "kernels/ops/logistic_normal.h"
#include "kernels/ops/matmul.h"
#include "kernels/ops/reduce.h"
#include "kernels/ops/relu.h"
#include "kernels/ops/tanh.h"

namespace encore {

class Backend : public ComputeDevice {
 public:
  virtual void linear_forward(const LinearForward&) = 0;
  virtual void linear_backward_input(const LinearBackwardInput&) = 0;
  virtual void linear_backward_weight(const LinearBackwardWeight&) = 0;
  virtual void attention_forward(const AttentionForward&) = 0;
  virtual void attention_backward(const AttentionBackward&) = 0;
  virtual void layernorm_forward(const LayerNormForward&) = 0;
  virtual void layernorm_backward(const LayerNormBackward&) = 0;
  virtual void embedding_forward(const EmbeddingForward&) = 0;
  virtual void embedding_backward(const EmbeddingBackward&) = 0;
  virtual void gelu_forward(const GeluForward&) = 0;
  virtual void gelu_backward(const GeluBackward&) = 0;
  virtual void tanh_forward(const TanhForward&) = 0;
  virtual void tanh_backward(const TanhBackward&) = 0;
  virtual void dropout_apply(const DropoutApply&) = 0;
  virtual void cross_entropy(const CrossEntropy&) = 0;
  virtual void gather_rows(const GatherRows&) = 0;
  virtual void scatter_rows(const ScatterRows&) = 0;
  virtual void bias_gradient(const BiasGradient&) = 0;
  virtual void sum_of_squares(const SumOfSquares&) = 0;
  virtual void cast(const Cast&) = 0;
  virtual void adamw(const AdamW&) = 0;
  virtual void relu_forward(const ReluForward&) = 0;
  virtual void relu_backward(const ReluBackward&) = 0;
  virtual void bag_linear_forward(const BagLinearForward&) = 0;
  virtual void bag_linear_backward(const BagLinearBackward&) = 0;
  virtual void logistic_normal_forward(const LogisticNormalForward&) = 0;
  virtual void logistic_normal_backward(const LogisticNormalBackward&) = 0;
  virtual void bag_likelihood(const BagLikelihood&) = 0;

  // How the ops treat their arguments.
  // Switches the index checks that have to wait for the device. On by default. Returns the setting before the call.
  virtual bool set_index_checks(bool) { return true; }
  // True where ops read the fields `live` and `spare_rows` from backend memory (ops/live_rows.h). Where false, the free
  // functions cut the tensors to the live rows first.
  virtual bool reads_live_rows() const { return false; }
  // The weights have changed: packed copies of them, if the backend keeps any, are stale from here on.
  virtual void weights_changed() = 0;

  // For plans of memory; zeros where the device's memory is not the host's.
  virtual LinearMemory linear_memory(const LinearShape&) const { return {}; }
  // The largest number of kernels that are kept. Older ones are dropped, and made again when they are needed.
  virtual int64_t most_kernels() const { return 0; }
};

}  // namespace encore
