// AdamW over a parameter store, with clipping by the global norm of the gradients.
#pragma once

#include <vector>

#include "kernels/graphed_calls.h"
#include "model/param_store.h"

namespace encore {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;
  double clip = 1.0;  // largest global norm; 0: no clipping
  // true: the rule of older scripts, the paper's among them, which decays all parameters but those with "bias" or
  // "LayerNorm.weight" in their names. It thus decays lm_head.layer_norm.weight.
  bool legacy_decay = false;
};

class Optimizer {
 public:
  // Allocates the moments, which are 0, on the store's backend. Throws Error naming the flag of an option out of range.
  Optimizer(ParamStore&, const AdamWOptions&);
  ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // The global norm of the gradients, before clipping. Waits.
  double gradient_norm();

  // One update with learning rate lr. norm: the result of gradient_norm(). Scales the gradients by clip / (norm + 1e-6)
  // if that is below 1, as torch.nn.utils.clip_grad_norm_ does, but does not write them.
  void step(double lr, double norm);

  // The same two without waiting for the device. measure() starts the sum of squares of the gradients. update() starts
  // an update that clips by that sum and changes nothing if the sum or loss_sum ([1, 1] fp64, in backend memory) is not
  // finite. The caller finds that out later from squares() and then corrects the step count by set_steps().
  void measure();
  void update(double lr, const Tensor& loss_sum);
  Tensor squares() const;  // [1, 1] fp64

  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }
  Tensor m() const;  // [1, length] fp32, in backend memory
  Tensor v() const;
  static size_t bytes(int64_t length) { return size_t(length) * 8 + 64; }

 private:
  AdamWScalars next_scalars(double lr, double scale);
  void send_spared(const std::vector<int64_t>& pairs);
  void adamw_all(const Tensor& squares, const Tensor& loss);
  ParamStore& params_;
  AdamWOptions options_;
  bool decays_ = false;  // weight decay applies to some parameter
  Tensor spared_;        // ranges of elements without weight decay, as pairs of begin and end, in backend memory
  int64_t steps_ = 0;
  float* m_ = nullptr;
  float* v_ = nullptr;
  void* scalars_ = nullptr;  // AdamWScalars; from byte 32 on the sum of squares
  // Staging for the scalars: one buffer is written while the other may still be copied.
  struct Staging {
    AdamWScalars* memory = nullptr;
    std::unique_ptr<Event> sent;
  } staging_[2];
  GraphedCalls recorded_;
};

}  // namespace encore
