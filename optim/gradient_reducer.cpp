#include "optim/gradient_reducer.h"

#include <algorithm>

#include "kernels/base/check.h"

namespace encore {
namespace {

// Buckets must be large, since a ring needs tens of MB for its full rate, and several, so that little is left to sum
// when the backward pass ends.
constexpr int64_t kBuckets = 4;               // without the embeddings, which are one more
constexpr int64_t kAlign = 1024;              // elements
constexpr int64_t kChunk = int64_t(1) << 18;  // floats through the host: 1 MB was three times as fast as 500 MB

}  // namespace

GradientReducer::GradientReducer(Communicator& comm, ParamStore& params, int64_t completed_last, DType wire)
    : comm_(comm), params_(params) {
  check(wire == DType::kF32 || (wire == DType::kBF16 && comm.collectives()),
        "--reduce-dtype bf16: only ranks that sum on GPUs send gradients in bf16; use fp32");
  const int64_t length = params.length(), early = length - completed_last;
  for (int64_t b = 1; b < kBuckets; ++b) {
    const int64_t first = length - early * b / kBuckets / kAlign * kAlign;
    if (first < (buckets_.empty() ? length : buckets_.back()) && first > completed_last) buckets_.push_back(first);
  }
  if (completed_last > 0 && completed_last < length) buckets_.push_back(completed_last);
  buckets_.push_back(0);
  if (wire == DType::kBF16 && comm.size() > 1)
    wire_ = static_cast<bf16*>(params.backend().allocate(bytes(length, wire, comm.size())));
}

GradientReducer::~GradientReducer() {
  if (wire_) params_.backend().free(wire_);
}

size_t GradientReducer::bytes(int64_t length, DType wire, int ranks) {
  return wire == DType::kBF16 && ranks > 1 ? size_t(length) * sizeof(bf16) : 0;
}

void GradientReducer::start(int64_t first, int64_t count) {
  const Tensor gradients = params_.gradients().col_range(first, count);
  if (!wire_) return comm_.collectives()->start_sum(gradients);
  const Tensor rounded = Tensor(wire_, 1, params_.length()).col_range(first, count);
  cast(params_.backend(), {.x = gradients, .y = rounded});
  comm_.collectives()->start_sum(rounded);
}

bool GradientReducer::wants(int64_t from) const {
  return comm_.collectives() && started_ < buckets_.size() && from <= buckets_[started_];
}

void GradientReducer::final_from(int64_t from) {
  for (; wants(from); ++started_) {
    const int64_t end = started_ == 0 ? params_.length() : buckets_[started_ - 1];
    start(buckets_[started_], end - buckets_[started_]);
  }
}

void GradientReducer::finish(const Tensor& loss_sum, const Tensor& correct) {
  if (comm_.size() == 1) return;
  Collectives* collectives = comm_.collectives();
  if (!collectives) return sum_through_host();
  final_from(0);
  started_ = 0;
  collectives->start_sum(loss_sum);
  collectives->start_sum(correct);
  collectives->join();
  if (wire_) cast(params_.backend(), {.x = Tensor(wire_, 1, params_.length()), .y = params_.gradients()});
}

void GradientReducer::sum_through_host() {
  const Tensor gradients = params_.gradients();
  Backend& backend = params_.backend();
  for (int64_t first = 0; first < gradients.cols; first += kChunk) {
    const Tensor part = gradients.col_range(first, std::min(kChunk, gradients.cols - first));
    transfer_.resize(size_t(part.cols));
    backend.copy_to_host(transfer_.data(), part.data, part.bytes());
    comm_.all_reduce_sum(std::span<float>(transfer_));
    backend.copy_to_device(part.data, transfer_.data(), part.bytes());
  }
}

}  // namespace encore
