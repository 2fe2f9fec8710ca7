// The sum of the gradients over all ranks. If the ranks have collectives, it runs on the devices during the backward
// pass; otherwise it runs through host memory after the pass.
#pragma once

#include <span>
#include <vector>

#include "model/param_store.h"
#include "optim/communicator.h"

namespace encore {

class GradientReducer final : public GradientListener {
 public:
  // completed_last: the gradients [0, completed_last) of the flat buffer, those of the embeddings, are final only at
  // the end of the backward pass. The others become final from the end of the buffer down to completed_last. wire:
  // dtype of the gradients between ranks. bf16 halves the traffic, rounds the summands and needs collectives; a bf16
  // copy of the gradients is allocated for it. REQUIRES: every rank gives the same arguments.
  GradientReducer(Communicator&, ParamStore&, int64_t completed_last, DType wire);
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  // true: a bucket from element `from` on has not been started.
  bool wants(int64_t from) const override;
  // The gradients from element `from` on are final on this rank: starts the sums of their buckets.
  void final_from(int64_t from) override;
  // All gradients are final, and so are loss_sum and correct ([1, 1] fp64 and i64, in backend memory): starts the other
  // sums. Later calls of the backend see the sums over all ranks. Through the host, loss_sum and correct are not
  // summed.
  void finish(const Tensor& loss_sum, const Tensor& correct);
  // true: finish() sums loss_sum and correct too, on the devices. false: it sums the gradients alone, through the host.
  bool sums_on_devices() const { return comm_.collectives() != nullptr; }

  // The first element of each bucket, in the order of the sums: descending, the last one 0.
  const std::vector<int64_t>& buckets() const { return buckets_; }
  static size_t bytes(int64_t length, DType wire, int ranks);

 private:
  void start(int64_t first, int64_t count);
  void sum_through_host();

  Communicator& comm_;
  ParamStore& params_;
  std::vector<int64_t> buckets_;
  size_t started_ = 0;  // number of buckets of this step whose sums have been started
  bf16* wire_ = nullptr;
  std::vector<float> transfer_;
};

}  // namespace encore
