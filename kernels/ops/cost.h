// The least work that a call of an op does, from the shapes of its arguments. Profiles divide it by the time.
#pragma once

#include "kernels/base/tensor.h"
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

struct OpCost {
  double flops = 0;  // of matrix products and attention only; a multiply-add counts two
  double bytes = 0;  // every tensor read or written once; in/out counts twice
  // The shape that is printed: rows x cols of the result, and the length of each sum (0: not a product).
  int64_t rows = 0, cols = 0, inner = 0;
};

OpCost cost_of(const LinearForward&);
OpCost cost_of(const LinearBackwardInput&);
OpCost cost_of(const LinearBackwardWeight&);
OpCost cost_of(const LayerNormForward&);
OpCost cost_of(const LayerNormBackward&);
OpCost cost_of(const EmbeddingForward&);
OpCost cost_of(const EmbeddingBackward&);
OpCost cost_of(const GeluForward&);
OpCost cost_of(const GeluBackward&);
OpCost cost_of(const TanhForward&);
OpCost cost_of(const TanhBackward&);
OpCost cost_of(const DropoutApply&);
OpCost cost_of(const CrossEntropy&);
OpCost cost_of(const GatherRows&);
OpCost cost_of(const ScatterRows&);
OpCost cost_of(const BiasGradient&);
OpCost cost_of(const SumOfSquares&);
OpCost cost_of(const Cast&);
OpCost cost_of(const AdamW&);
OpCost cost_of(const ReluForward&);
OpCost cost_of(const ReluBackward&);
OpCost cost_of(const BagLinearForward&);
OpCost cost_of(const BagLinearBackward&);
OpCost cost_of(const LogisticNormalForward&);
OpCost cost_of(const LogisticNormalBackward&);
OpCost cost_of(const BagLikelihood&);

// flops for each head and each pair of a query and a key: 4 D forward (Q K^T, P V), 10 D backward (Q K^T again, dP, dQ,
// dK, dV). `inner` is the longest sequence. The lengths of the sequences are read from the backend.
OpCost cost_of(const AttentionForward&, Backend&);
OpCost cost_of(const AttentionBackward&, Backend&);

}  // namespace encore
