// A head on the encoder: from rows of the last hidden states to logits and loss.
#pragma once

#include <functional>
#include <string>

#include "model/config.h"
#include "model/param_store.h"
#include "model/step.h"

namespace encore {

// The loss tensors of a head, in backend memory. A head overwrites row_loss and adds to the sums.
struct LossTensors {
  Tensor row_loss;  // [1, R] fp32, nats
  Tensor loss_sum;  // [1, 1] fp64
  Tensor correct;   // [1, 1] i64
};

class Head {
 public:
  virtual ~Head() = default;
  virtual std::string architecture() const = 0;
  virtual ReadRows read_rows() const = 0;
  virtual int64_t classes() const = 0;    // C: columns of the logits without padding
  virtual Tensor logit_bias() const = 0;  // [1, C] fp32, added to the logits by the loss

  // Saved by forward for backward. A head uses some of these.
  struct Saved {
    Tensor input;       // [R, H] the rows after dropout
    Tensor hidden;      // [R, H] after the first dense layer
    Tensor sum;         // [R, H] input of the LayerNorm
    Tensor y;           // [R, H] input of the last product, which gives the logits
    Tensor mean, rstd;  // [1, R] fp32
  };
  virtual Saved plan(Arena& saved, int64_t rows) const = 0;
  virtual void plan_scratch(Arena& scratch, int64_t rows, bool training) const = 0;

  virtual void forward(Step&, const Saved&, Tensor x) const = 0;  // x [R, H] in; computes saved.y
  // Losses alone, against the batch's labels. REQUIRES forward().
  virtual void evaluate(Step&, const Saved&, const LossTensors&) const = 0;
  // Losses, parameter gradients and dx [R, H] (overwritten). REQUIRES forward() with the same step.
  virtual void backward(Step&, const Saved&, Tensor x, const LossTensors&, Tensor dx) const = 0;

  // Visits the logits without their bias, block by block in rising order of rows. REQUIRES forward().
  using LogitVisitor = std::function<void(Tensor block)>;  // [rows, >= C]
  virtual void logits(Step&, const Saved&, const LogitVisitor&) const = 0;
};

}  // namespace encore
