// What programs see of a model: a masked-LM or a sequence classifier over one RoBERTa encoder.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"
#include "kernels/base/packed_batch.h"
#include "model/config.h"
#include "model/param_store.h"

namespace encore {

// The largest micro-batch that the planned memory serves.
struct BatchCapacity {
  int64_t tokens = 0;     // T
  int64_t sequences = 0;  // N
  int64_t targets = 0;    // M: MLM targets; ignored by classifiers
};

// Bytes by region, printed before the first step.
struct MemoryPlan {
  struct Region {
    std::string name;  // "weights (fp32)", "gradients (fp32)", "saved activations", "scratch", ...
    size_t bytes;
    bool host = false;  // where the backend has a memory of its own: of the host all the same
  };
  std::vector<Region> regions;
  size_t total() const;
  MemoryPlan part(bool host) const;  // the regions of one kind
};

struct LossTotals {
  double loss_sum = 0;  // nats, summed over targets
  int64_t targets = 0;
  int64_t correct = 0;  // targets whose largest logit is the label
};

enum class Mode { kInference, kTraining };

class Model {
 public:
  virtual ~Model() = default;

  const EncoderConfig& config() const { return config_; }
  ParamStore& params() { return params_; }
  const ParamStore& params() const { return params_; }
  virtual std::string architecture() const = 0;  // "RobertaForMaskedLM", "RobertaForSequenceClassification"

  // What reserve() would take, without taking it (gradients and activations; the optimiser adds its own).
  virtual MemoryPlan plan(const BatchCapacity&, DType compute, Mode) const = 0;
  // Allocates activations for batches up to the capacity. May be called again with another capacity.
  virtual void reserve(const BatchCapacity&, Mode) = 0;

  // One micro-batch, dropout on: forward, loss, backward. Adds to the parameter gradients the gradient of
  // grad_scale * (sum of the targets' losses). Totals accumulate on the device until take_totals().
  // seed: the run's seed (dropout keys).
  // REQUIRES reserve(..., kTraining). Throws Error when the batch exceeds the capacity or lacks labels.
  virtual void forward_backward(const PackedBatch&, float grad_scale, uint64_t seed) = 0;

  // Told, during each forward_backward() from here on, the element of the flat buffer from which on this pass has added
  // all it adds to the gradients: after each layer, from the last to the first. The embeddings' come last, with the
  // return. Null: nobody is told.
  void tell_gradients_final(GradientListener* listener) { listener_ = listener; }
  // Elements of the flat buffer, from 0 on, that are the embeddings'.
  virtual int64_t embedding_elements() const = 0;

  // The same with dropout off and no gradient. target_loss, if given, receives each target's loss in order.
  virtual void evaluate(const PackedBatch&, std::vector<float>* target_loss = nullptr) = 0;

  // Logits, dropout off: [targets, vocab_size] for an MLM, [sequences, labels] for a classifier, row-major fp32.
  virtual void logits(const PackedBatch&, std::vector<float>& out) = 0;

  // Last hidden states [tokens, hidden_size], dropout off.
  virtual void hidden_states(const PackedBatch&, std::vector<float>& out) = 0;

  // Reads the device's totals since the last call and clears them. Waits.
  virtual LossTotals take_totals() = 0;
  // Clears them unread. Does not wait.
  virtual void clear_totals() = 0;

  // Where the totals accumulate until then, on the backend: [1, 1] fp64 and i64.
  virtual Tensor loss_sum() const = 0;
  virtual Tensor correct() const = 0;

  // Everything a checker wants, dropout off: visits "hidden.0".."hidden.L", "logits", "loss" with shape and values, and
  // leaves the gradient of the mean loss in params().gradients() (which must be zero before). Hidden states are
  // complete: the last layer computes every row.
  using Visitor = std::function<void(const std::string& name, std::vector<int64_t> shape, std::vector<float> values)>;
  virtual void trace(const PackedBatch&, const Visitor&) = 0;

 protected:
  GradientListener* listener_ = nullptr;
  EncoderConfig config_;
  ParamStore params_;
};

// The models register their parameters and allocate weights (and gradients for kTraining) on the backend; values are 0
// until ParamStore::initialise or load_weights (model/checkpoint.h).
std::unique_ptr<Model> make_mlm(const EncoderConfig&, Backend&, DType compute, Mode);
std::unique_ptr<Model> make_classifier(const EncoderConfig&, int num_labels, Backend&, DType compute, Mode);
// The same without memory: parameters have places and no values. For plan(), before anything is allocated.
std::unique_ptr<Model> outline_mlm(const EncoderConfig&, Backend&, DType compute, Mode);
std::unique_ptr<Model> outline_classifier(const EncoderConfig&, int num_labels, Backend&, DType compute, Mode);

// Floating-point operations of one training step over the batch (forward + backward, multiply-add = 2), counted from
// what is computed: masked rows only in the head.
double training_flops(const EncoderConfig&, const PackedBatch&);

}  // namespace encore
