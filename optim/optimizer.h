// AdamW over a parameter store, with the global-norm clip folded in.
#pragma once

#include <vector>

#include "kernels/graphed_calls.h"
#include "model/param_store.h"

namespace encore {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;
  double clip = 1.0;  // largest global norm; 0: no clipping
  // Legacy scripts (and the paper's own) decay lm_head.layer_norm.weight: names that hold "bias" or "LayerNorm.weight"
  // are spared, nothing else.
  bool legacy_decay = false;
};

class Optimizer {
 public:
  // Allocates the moments (zero) on the store's backend.
  Optimizer(ParamStore&, const AdamWOptions&);
  ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Global norm of the gradients as they stand (before clipping). Waits.
  double gradient_norm();

  // One update with learning rate lr. norm: the global norm, as gradient_norm() gave it. Clips by
  // clip / (norm + 1e-6) when that is below 1, as torch.nn.utils.clip_grad_norm_ does. Leaves the gradients as they
  // are.
  void step(double lr, double norm);

  // The same two without a word from the device: measure() starts the sum of squares of the gradients, update() the
  // update, which clips by it and changes nothing unless it and loss_sum ([1, 1] fp64, on the backend) are finite. The
  // caller learns of that later (squares()) and takes the step back then (set_steps).
  void measure();
  void update(double lr, const Tensor& loss_sum);
  Tensor squares() const;  // [1, 1] fp64

  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }
  Tensor m() const;  // [1, length] fp32, on the backend
  Tensor v() const;
  static size_t bytes(int64_t length) { return size_t(length) * 8 + 64; }

 private:
  AdamWScalars next_scalars(double lr, double scale);
  void send_spared(const std::vector<int64_t>& pairs);
  void adamw_all(const Tensor& squares, const Tensor& loss);
  ParamStore& params_;
  AdamWOptions options_;
  bool decays_ = false;  // some parameter does
  Tensor spared_;        // elements of those that do not, as pairs of begin and end, on the backend
  int64_t steps_ = 0;
  float* m_ = nullptr;
  float* v_ = nullptr;
  void* scalars_ = nullptr;  // AdamWScalars, then from byte 32 on the sum of squares
  // Scalars on their way to the device: one is written while the other may still travel.
  struct Staging {
    AdamWScalars* memory = nullptr;
    std::unique_ptr<Event> sent;
  } staging_[2];
  GraphedCalls recorded_;
};

}  // namespace encore
