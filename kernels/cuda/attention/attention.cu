// CudaBackend's attention: checks the arguments, and launches the kernels for the dtype, the head size and the card.
#include <algorithm>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/rng.h"
#include "kernels/cuda/attention/keep_bits.cuh"
#include "kernels/cuda/attention/launches.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/ops/list_checks.h"

namespace encore {
namespace {

using cuda::AttentionArguments;
using cuda::HeadMatrix;

// The kernels move 16 bytes at a time.
HeadMatrix matrix(const char* op, const char* name, const Tensor& t) {
  const bool aligned =
      reinterpret_cast<uintptr_t>(t.data) % 16 == 0 && (t.rows <= 1 || t.ld * int64_t(size_of(t.dtype)) % 16 == 0);
  check(aligned, "{}: {} {} must start at a multiple of 16 bytes, and its rows ({} elements apart) too", op, name,
        t.str(), t.ld);
  return {t.data, t.ld};
}

template <class Op>
AttentionArguments arguments(const char* op, const Op& o) {
  const AttentionShape& s = o.shape;
  const uint32_t threshold = attention_dropout_threshold(o.dropout.p);
  const int32_t* const cu_seqlens = s.cu_seqlens.ptr<int32_t>();
  return {.q = matrix(op, "q", o.q),
          .k = matrix(op, "k", o.k),
          .v = matrix(op, "v", o.v),
          .out = matrix(op, "out", o.out),
          .lse = o.lse.template ptr<float>(),
          .lse_ld = o.lse.ld,
          .cu_seqlens = cu_seqlens,
          .cu_seqlens_q = s.cu_seqlens_q ? s.cu_seqlens_q.ptr<int32_t>() : cu_seqlens,
          .q_position = s.cu_seqlens_q ? s.q_position.ptr<int32_t>() : nullptr,
          .visible = s.visible ? s.visible.ptr<uint8_t>() : nullptr,
          .example_keys = threshold ? o.dropout.example_keys.template ptr<uint64_t>() : nullptr,
          .queries = o.q.rows,
          .tokens = o.k.rows,
          .sequences = int(s.cu_seqlens.cols - 1),
          .heads = s.heads,
          .head_size = s.head_size,
          .scale = s.scale,
          .threshold = threshold,
          .keep_scale = attention_dropout_scale(o.dropout.p),
          .seed = o.dropout.seed,
          .layer = o.dropout.layer};
}

std::vector<int32_t> values_of(Backend& backend, const Tensor& t) {
  std::vector<int32_t> values(size_t(t.cols));
  if (!values.empty()) backend.copy_to_host(values.data(), t.data, t.bytes());
  return values;
}
// Reads the lists back, and so waits for the device.
void check_lists(Backend& backend, const char* op, const AttentionShape& shape, int64_t queries, int64_t tokens) {
  const std::vector<int32_t> keys = values_of(backend, shape.cu_seqlens), rows = values_of(backend, shape.cu_seqlens_q),
                             position = values_of(backend, shape.q_position);
  check_sequences(op, {.cu_seqlens = keys, .cu_seqlens_q = rows, .q_position = position},
                  {.tokens = tokens, .queries = queries, .spare_rows = shape.spare_rows});
}

}  // namespace

bool CudaBackend::by_wgmma(const Tensor& q, const AttentionShape& s) const {
  return hopper_ && q.dtype == DType::kBF16 && s.head_size == 64;
}

void CudaBackend::attention_forward(const AttentionForward& o) {
  constexpr const char* kOp = "attention_forward";
  const AttentionArguments a = arguments(kOp, o);
  if (index_checks_) check_lists(*this, kOp, o.shape, a.queries, a.tokens);
  check_cuda(by_wgmma(o.q, o.shape)      ? cuda::attention_forward_wgmma(a, stream_)
             : o.q.dtype == DType::kBF16 ? cuda::attention_forward_bf16(a, stream_)
                                         : cuda::attention_forward_f32(a, stream_),
             kOp);
}

void CudaBackend::attention_backward(const AttentionBackward& o) {
  constexpr const char* kOp = "attention_backward";
  AttentionArguments a = arguments(kOp, o);
  a.dout = matrix(kOp, "dout", o.dout), a.dq = matrix(kOp, "dq", o.dq);
  a.dk = matrix(kOp, "dk", o.dk), a.dv = matrix(kOp, "dv", o.dv);
  a.shared_limit = shared_limit_;
  if (index_checks_) check_lists(*this, kOp, o.shape, a.queries, a.tokens);
  const bool wgmma = by_wgmma(o.q, o.shape);
  const size_t deltas = (size_t(a.queries * a.heads) + 63) / 64 * 64,
               sums = o.deterministic || wgmma ? 0 : size_t(a.queries * a.heads * a.head_size);
  if (wgmma && a.threshold) a.keep_tiles = cuda::keep_tiles(a.queries, a.tokens, a.sequences);
  const size_t bits = size_t(a.keep_tiles * a.heads * cuda::kKeepWords);
  a.delta = static_cast<float*>(scratch(std::max<size_t>(16, sizeof(float) * (deltas + sums + bits))));
  if (sums > 0) a.dq_sum = a.delta + deltas;
  a.keep_bits = reinterpret_cast<uint32_t*>(a.delta + deltas + sums);
  check_cuda(wgmma                       ? cuda::attention_backward_wgmma(a, stream_)
             : o.q.dtype == DType::kBF16 ? cuda::attention_backward_bf16(a, stream_)
                                         : cuda::attention_backward_f32(a, stream_),
             kOp);
}

}  // namespace encore
