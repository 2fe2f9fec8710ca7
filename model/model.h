// The interface of a model: a masked-LM or a sequence classifier on an encoder.
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

// The largest micro-batch that fits into the planned memory.
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
    bool host = false;  // in host memory although the backend has a memory of its own
  };
  std::vector<Region> regions;
  size_t total() const;
  MemoryPlan part(bool host) const;  // the regions in host memory, or the others
};

struct LossTotals {
  double loss_sum = 0;  // nats, summed over targets
  int64_t targets = 0;
  int64_t correct = 0;  // targets whose largest logit is the label
};

enum class Mode { kInference, kTraining };

class Model {
 public:
  explicit Model(const EncoderConfig& config) : config_(config) {}
  virtual ~Model() = default;

  const EncoderConfig& config() const { return config_; }
  ParamStore& params() { return params_; }
  const ParamStore& params() const { return params_; }
  virtual std::string architecture() const = 0;  // class name in config.json, "RobertaForMaskedLM"

  // The memory of the model with what reserve() would allocate. The optimiser's memory is not in it.
  virtual MemoryPlan plan(const BatchCapacity&, DType compute, Mode) const = 0;
  // Allocates activations for batches up to the capacity. May be called again with another capacity.
  virtual void reserve(const BatchCapacity&, Mode) = 0;

  // One micro-batch with dropout: forward, loss, backward. Adds the gradient of grad_scale * (sum of the targets'
  // losses) to the parameter gradients. Totals accumulate on the device until take_totals().
  // seed: the run's seed, the key of dropout.
  // REQUIRES reserve(..., kTraining). Throws Error when the batch exceeds the capacity or lacks labels.
  virtual void forward_backward(const PackedBatch&, float grad_scale, uint64_t seed) = 0;

  // During forward_backward() the listener is called after each layer, from the last to the first, with the element of
  // the flat buffer from which on this pass has added all that it adds to the gradients. The gradients of the
  // embeddings are final when forward_backward() returns. Null: no listener.
  void set_gradient_listener(GradientListener* listener) { listener_ = listener; }
  // The embeddings are the elements [0, embedding_elements()) of the flat buffer.
  virtual int64_t embedding_elements() const = 0;

  // Forward and loss without dropout and without gradients. target_loss, if given, receives the loss of each target.
  virtual void evaluate(const PackedBatch&, std::vector<float>* target_loss = nullptr) = 0;

  // Logits without dropout: [targets, vocab_size] for an MLM, [sequences, labels] for a classifier, row-major fp32.
  virtual void logits(const PackedBatch&, std::vector<float>& out) = 0;

  // Last hidden states [tokens, hidden_size] without dropout.
  virtual void hidden_states(const PackedBatch&, std::vector<float>& out) = 0;

  // The totals since they were last cleared; clears them. Waits.
  virtual LossTotals take_totals() = 0;
  // Clears the totals. Does not wait.
  virtual void clear_totals() = 0;

  // The totals themselves, in backend memory: [1, 1] fp64 and i64.
  virtual Tensor loss_sum() const = 0;
  virtual Tensor correct() const = 0;

  // For comparison with other implementations, without dropout: visits "hidden.0".."hidden.L", "logits" and "loss" with
  // shape and values, and adds the gradient of the mean loss to params().gradients(). The hidden states of the last
  // layer have all rows too.
  using Visitor = std::function<void(const std::string& name, std::vector<int64_t> shape, std::vector<float> values)>;
  virtual void trace(const PackedBatch&, const Visitor&) = 0;

 protected:
  GradientListener* listener_ = nullptr;
  EncoderConfig config_;
  ParamStore params_;
};

// Makes a model with weights (and for kTraining gradients) allocated on the backend. Call ParamStore::initialise or
// load_weights (model/checkpoint.h) before use.
std::unique_ptr<Model> make_mlm(const EncoderConfig&, Backend&, DType compute, Mode);
std::unique_ptr<Model> make_classifier(const EncoderConfig&, int num_labels, Backend&, DType compute, Mode);
// The same without memory, for plan(): parameters have offsets and no values.
std::unique_ptr<Model> outline_mlm(const EncoderConfig&, Backend&, DType compute, Mode);
std::unique_ptr<Model> outline_classifier(const EncoderConfig&, int num_labels, Backend&, DType compute, Mode);

// Floating-point operations of one training step over the batch: forward and backward, a multiply-add counts 2. Rows
// that the model does not compute (of the last layer and the head) are not counted.
double training_flops(const EncoderConfig&, const PackedBatch&);

}  // namespace encore
