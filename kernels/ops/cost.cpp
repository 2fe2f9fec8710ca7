#include "kernels/ops/cost.h"

#include <algorithm>
#include <vector>

#include "kernels/backend.h"

namespace encore {
namespace {

// Absent tensors count nothing.
template <class... T>
double bytes_of(const T&... tensors) {
  return (0.0 + ... + (tensors ? double(tensors.bytes()) : 0.0));
}

OpCost moved(double bytes, const Tensor& result) {
  return {.bytes = bytes, .rows = result.rows, .cols = result.cols};
}

OpCost product(double bytes, const Tensor& result, int64_t inner) {
  return {.flops = 2.0 * double(result.size()) * double(inner),
          .bytes = bytes,
          .rows = result.rows,
          .cols = result.cols,
          .inner = inner};
}

std::vector<int32_t> read_starts(const Tensor& t, Backend& backend) {
  std::vector<int32_t> starts(size_t(t.cols));
  backend.copy_to_host(starts.data(), t.data, t.bytes());
  return starts;
}

OpCost attention(const AttentionShape& shape, double flops_of_a_pair, double bytes, const Tensor& result,
                 Backend& backend) {
  const std::vector<int32_t> keys = read_starts(shape.cu_seqlens, backend);
  const std::vector<int32_t> queries = shape.cu_seqlens_q ? read_starts(shape.cu_seqlens_q, backend) : keys;
  double pairs = 0;
  int64_t longest = 0;
  for (size_t n = 0; n + 1 < keys.size(); ++n) {
    const int64_t length = keys[n + 1] - keys[n];
    pairs += double(length) * double(queries[n + 1] - queries[n]);
    longest = std::max(longest, length);
  }
  return {.flops = flops_of_a_pair * double(shape.heads) * double(shape.head_size) * pairs,
          .bytes = bytes,
          .rows = result.rows,
          .cols = result.cols,
          .inner = longest};
}

}  // namespace

OpCost cost_of(const LinearForward& a) {
  return product(bytes_of(a.x, a.w, a.bias, a.y), a.y, a.x.cols);
}
OpCost cost_of(const LinearBackwardInput& a) {
  return product(bytes_of(a.dy, a.w, a.dx) + (a.accumulate ? bytes_of(a.dx) : 0), a.dx, a.dy.cols);
}
OpCost cost_of(const LinearBackwardWeight& a) {
  return product(bytes_of(a.dy, a.x, a.dw, a.dw), a.dw, a.dy.rows);
}
OpCost cost_of(const AttentionForward& a, Backend& backend) {
  return attention(a.shape, 4, bytes_of(a.q, a.k, a.v, a.out, a.lse), a.out, backend);
}
OpCost cost_of(const AttentionBackward& a, Backend& backend) {
  return attention(a.shape, 10, bytes_of(a.dout, a.q, a.k, a.v, a.out, a.lse, a.dq, a.dk, a.dv), a.dq, backend);
}
OpCost cost_of(const LayerNormForward& a) {
  return moved(bytes_of(a.x, a.bias, a.residual, a.gamma, a.beta, a.sum, a.y, a.mean, a.rstd), a.y);
}
OpCost cost_of(const LayerNormBackward& a) {
  const double gradients = 2 * bytes_of(a.dgamma, a.dbeta, a.dbias);
  return moved(bytes_of(a.dy, a.sum, a.gamma, a.mean, a.rstd, a.dsum, a.dx) + gradients, a.dsum);
}
OpCost cost_of(const EmbeddingForward& a) {
  // A row of each table for each token.
  const double tables = 3 * bytes_of(a.y);
  return moved(tables + bytes_of(a.ids, a.position_ids, a.type_ids, a.y, a.mean, a.rstd), a.y);
}
OpCost cost_of(const EmbeddingBackward& a) {
  const double tables = 3 * bytes_of(a.dy);
  const int64_t rows = a.word_segments.row.cols + a.position_segments.row.cols + a.dtype.rows;
  const double sums = 2.0 * double(rows) * double(a.dy.cols) * double(size_of(DType::kF32));
  return moved(tables + sums + 2 * bytes_of(a.dy), a.dy);
}
OpCost cost_of(const GeluForward& a) {
  return moved(bytes_of(a.x, a.bias, a.y), a.y);
}
OpCost cost_of(const GeluBackward& a) {
  return moved(bytes_of(a.dy, a.x, a.bias, a.dx, a.dbias, a.dbias), a.dx);
}
OpCost cost_of(const TanhForward& a) {
  return moved(bytes_of(a.x, a.bias, a.y), a.y);
}
OpCost cost_of(const TanhBackward& a) {
  return moved(bytes_of(a.dy, a.y, a.dx, a.dbias, a.dbias), a.dx);
}
OpCost cost_of(const DropoutApply& a) {
  return moved(bytes_of(a.x, a.y), a.y);
}
OpCost cost_of(const CrossEntropy& a) {
  const double gradient = a.loss_only ? 0 : bytes_of(a.logits, a.dbias, a.dbias);
  return moved(bytes_of(a.logits, a.bias, a.labels, a.row_loss) + gradient, a.logits);
}
OpCost cost_of(const GatherRows& a) {
  return moved(bytes_of(a.rows, a.y, a.y), a.y);
}
OpCost cost_of(const ScatterRows& a) {
  return moved(bytes_of(a.rows, a.dy) + (a.add ? 2 * bytes_of(a.dy) : bytes_of(a.dx)), a.dx);
}
OpCost cost_of(const BiasGradient& a) {
  return moved(bytes_of(a.dy, a.dbias, a.dbias), a.dy);
}
OpCost cost_of(const SumOfSquares& a) {
  return moved(bytes_of(a.x), a.x);
}
OpCost cost_of(const Cast& a) {
  return moved(bytes_of(a.x, a.y), a.y);
}
OpCost cost_of(const AdamW& a) {
  return moved(2 * bytes_of(a.w, a.m, a.v) + bytes_of(a.gradient, a.shadow), a.w);
}

OpCost cost_of(const ReluForward& a) {
  return moved(bytes_of(a.x, a.y), a.y);
}
OpCost cost_of(const ReluBackward& a) {
  return moved(bytes_of(a.dy, a.y, a.dx), a.dx);
}
OpCost cost_of(const BagLinearForward& a) {
  // A row of w for each entry.
  const double rows = double(a.bags.column.cols) * double(a.w.cols) * double(size_of(DType::kF32));
  return moved(rows + bytes_of(a.bags.row_start, a.bags.column, a.bags.value, a.bias, a.y), a.y);
}
OpCost cost_of(const BagLinearBackward& a) {
  // A row of dy for each entry. Of dw at most as many rows as there are entries, read and written.
  const double row = double(a.dw.cols) * double(size_of(DType::kF32)), entries = double(a.bags.document.cols);
  const double rows = entries * row + 2 * std::min(entries, double(a.dw.rows)) * row;
  return moved(rows + bytes_of(a.bags.word_start, a.bags.document, a.bags.value), a.dw);
}
OpCost cost_of(const LogisticNormalForward& a) {
  const double draws = a.sample ? bytes_of(a.draws.noise, a.draws.keep, a.draws.document_keys) : 0;
  return moved(bytes_of(a.mean, a.log_variance, a.theta, a.negative_kld, a.sigma, a.z) + draws, a.theta);
}
OpCost cost_of(const LogisticNormalBackward& a) {
  const LogisticNormalForward& f = a.forward;
  const double draws = bytes_of(f.draws.noise, f.draws.keep, f.draws.document_keys);
  return moved(bytes_of(f.mean, f.log_variance, f.theta, a.dtheta, a.dmean, a.dlog_variance) + draws, a.dmean);
}
OpCost cost_of(const BagLikelihood& a) {
  const double of_words = bytes_of(a.background, a.bias, a.running_mean, a.running_variance);
  const double bags = bytes_of(a.bags.row_start, a.bags.column, a.bags.value);
  const double evaluation = bytes_of(a.reconstruction, a.log_likelihood) + of_words + bags;
  if (!a.training) return moved(evaluation, a.reconstruction);
  // The gradient needs the softmax over all words first, and so reads the reconstruction a second time.
  const double gradient = 2 * bytes_of(a.reconstruction) + 2 * bytes_of(a.dbias);
  const double statistics = bytes_of(a.running_mean, a.running_variance);
  return moved(evaluation + gradient + statistics + bytes_of(a.by_word.word_start, a.by_word.document, a.by_word.value),
               a.reconstruction);
}

}  // namespace encore
