// What sits on the encoder: rows of the last hidden states in, logits and loss out.
#pragma once

#include <functional>
#include <string>

#include "model/config.h"
#include "model/param_store.h"
#include "model/step.h"

namespace encore {

// Where a head puts losses. All in backend memory; sums are added to.
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
  virtual int64_t classes() const = 0;    // C: columns of the logits that mean something
  virtual Tensor logit_bias() const = 0;  // [1, C] fp32, added to the logits by the loss

  // What a forward pass leaves behind. Which ones a head uses is its own affair.
  struct Saved {
    Tensor input;       // [R, H] the rows after dropout
    Tensor hidden;      // [R, H] after the first dense layer
    Tensor sum;         // [R, H] input of the LayerNorm
    Tensor y;           // [R, H] what the logits are a product of
    Tensor mean, rstd;  // [1, R] fp32
  };
  virtual Saved plan(Arena& saved, int64_t rows) const = 0;
  virtual void plan_scratch(Arena& scratch, int64_t rows, bool training) const = 0;

  virtual void forward(Step&, const Saved&, Tensor x) const = 0;  // x [R, H]; up to saved.y
  // Losses alone. REQUIRES forward(). Labels are the batch's.
  virtual void evaluate(Step&, const Saved&, const LossTensors&) const = 0;
  // Losses, parameter gradients and dx [R, H] (overwritten). REQUIRES forward() with the same step.
  virtual void backward(Step&, const Saved&, Tensor x, const LossTensors&, Tensor dx) const = 0;

  // Logits without their bias, in blocks of rows in rising order. REQUIRES forward().
  using LogitVisitor = std::function<void(Tensor block)>;  // [rows, >= C]
  virtual void logits(Step&, const Saved&, const LogitVisitor&) const = 0;
};

}  // namespace encore
