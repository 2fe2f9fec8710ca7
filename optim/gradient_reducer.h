// The sum of the gradients over all ranks: on the devices while the backward pass goes on, where the ranks have
// collectives, else through the host when it is done.
#pragma once

#include <span>
#include <vector>

#include "model/param_store.h"
#include "optim/communicator.h"

namespace encore {

class GradientReducer final : public GradientListener {
 public:
  // completed_last: the gradients [0, completed_last) of the flat buffer are final only at the end of the backward pass
  // (the embeddings, tied to the head); the rest become final from the end of the buffer towards them.
  // wire: dtype in which they travel; bf16 halves the traffic and rounds what is summed, and needs collectives.
  // Allocates the travelling copy for bf16. REQUIRES: every rank gives the same arguments.
  GradientReducer(Communicator&, ParamStore&, int64_t completed_last, DType wire);
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  // Whether a bucket that has not been started lies there.
  bool wants(int64_t from) const override;
  // The gradients from element `from` on are final on this rank: starts the buckets that lie there.
  void final_from(int64_t from) override;
  // All are final, and so are the loss's sums ([1, 1] fp64 and i64, on the backend): starts what is left, and what the
  // backend is given next sees the sums of all ranks. Through the host, loss_sum and correct stay this rank's.
  void finish(const Tensor& loss_sum, const Tensor& correct);
  // Over the devices, the loss's sums with the gradients? Else through the host, and gradients alone.
  bool sums_on_devices() const { return comm_.collectives() != nullptr; }

  // First elements of the buckets in the order in which they go: descending, the last one 0.
  const std::vector<int64_t>& buckets() const { return buckets_; }
  static size_t bytes(int64_t length, DType wire, int ranks);

 private:
  void start(int64_t first, int64_t count);
  void sum_through_host();

  Communicator& comm_;
  ParamStore& params_;
  std::vector<int64_t> buckets_;
  size_t started_ = 0;  // buckets of this step
  bf16* wire_ = nullptr;
  std::vector<float> transfer_;
};

}  // namespace encore
