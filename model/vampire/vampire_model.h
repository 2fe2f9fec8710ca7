// VAMPIRE: a variational autoencoder over bags of words with a logistic-normal latent variable (Gururangan et al.,
// "Variational Pretraining for Semi-supervised Text Classification", 2019; allenai/vampire). For a document x [V + 1]:
//   h0 = act(W0 x + b0);  h1 = act(W1 h0 + b1);  mean = Wm h1 + bm;  log_variance = Wv h1 + bv
//   training:   z = mean + sigma noise;  theta = softmax(dropout(z))           (kernels/ops/logistic_normal.h)
//   evaluation: theta = softmax(mean)
//   log p = log_softmax(batch_norm(Wd theta + background) + bias);  LL = sum over words of x log p
//                                                                               (kernels/ops/bag_likelihood.h)
//   loss = -mean over the documents of (kl_weight * -KL + LL)
// W0 is kept as [V + 1, H]: a document gathers rows. Files hold it as the original does (vampire_folder.h).
//
// A training step: forward_backward(), then Optimizer::step() with weight_decay and clip 0, which is Adam. The
// gradients are those of the last batch alone: forward_backward() overwrites them, because batch norm takes its
// statistics over the batch, and a step has one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/arena.h"
#include "model/model.h"
#include "model/vampire/vampire_batch.h"
#include "model/vampire/vampire_config.h"

namespace encore {

// The largest batch that fits into the planned memory.
struct VampireCapacity {
  int64_t documents = 0;  // R
  int64_t entries = 0;    // E: words of all documents, each counted once a document
};

// Sums over documents, in nats.
struct VampireTotals {
  int64_t documents = 0;
  double negative_kld = 0;    // without the KL weight
  double log_likelihood = 0;  // of the bags
};

// What embed() gives for a document, in evaluation mode. mix and dsp need H = K.
//   kDsp    h0 - 20 h1 + theta, as the code of "Don't Stop Pretraining" writes it
//   kMix    softmax([1, -20, 1]) over (h0, h1, theta): nearly (h0 + theta) / 2, as the original means it
//   kTheta  theta [K];  kH1  h1 [H]
enum class VampireEmbedding : uint8_t { kDsp, kMix, kTheta, kH1 };

// Draws given from outside, for comparison with other implementations; empty: drawn from Philox.
struct VampireDraws {
  std::span<const float> noise;  // [R, K]
  std::span<const float> keep;   // [R, K] of 0 and 1: which elements of z dropout keeps
};

// The running mean and variance of batch norm and the log frequency of the words, each [V + 1].
enum class VampireBuffer : uint8_t { kRunningMean, kRunningVariance, kBackground };

class DeviceBags;

class VampireModel {
 public:
  // with_memory = false: an outline for plan(), without values. Throws Error as check_config.
  VampireModel(const VampireConfig&, Backend&, Mode, bool with_memory = true);
  ~VampireModel();
  VampireModel(const VampireModel&) = delete;
  VampireModel& operator=(const VampireModel&) = delete;

  const VampireConfig& config() const { return config_; }
  ParamStore& params() { return params_; }
  const ParamStore& params() const { return params_; }

  // Fresh weights as PyTorch's Linear has them, U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)) for weights and biases, a
  // function of (seed, parameter name); the bias of batch norm 0, running mean 0 and variance 1. The background stays.
  void initialise(uint64_t seed);

  // Buffers on the host. write: REQUIRES V + 1 values.
  std::vector<float> read(VampireBuffer) const;
  void write(VampireBuffer, std::span<const float> values);
  // The weight of word w in topic k is element w K + k: Wd [V + 1, K].
  std::vector<float> topics() const;

  MemoryPlan plan(const VampireCapacity&, Mode) const;
  // Allocates the activations for batches up to the capacity. May be called again with another capacity.
  void reserve(const VampireCapacity&, Mode);

  // One training batch: forward with noise and dropout, loss, backward, and the running statistics move. The totals
  // accumulate on the device. seed: the run's; with the documents' keys it keys noise and dropout.
  // REQUIRES reserve(..., kTraining). Throws Error for a batch of fewer than 2 documents, which has no variance (the
  // caller adds a last document to the batch before), and for one that exceeds the capacity or that check_batch
  // refuses.
  void forward_backward(const VampireBatch&, float kl_weight, uint64_t seed, const VampireDraws& = {});

  // The terms of the loss in evaluation mode, with the running statistics; added to the totals.
  void evaluate(const VampireBatch&);

  // The embedding of each document, [R, embedding_size()], row-major. A document without a word has the embedding of
  // the biases, the same for all such documents: callers count those.
  void embed(const VampireBatch&, VampireEmbedding, std::vector<float>& out);
  // Throws Error where the embedding needs H = K and they differ.
  int64_t embedding_size(VampireEmbedding) const;

  // The totals since they were last taken; clears them. Waits.
  VampireTotals take_totals();
  // The loss of the last forward_backward(), in backend memory: [1, 1] fp64. AdamW takes it, to skip a step that is not
  // finite.
  Tensor loss() const;

  // For comparison with other implementations: as forward_backward() (draws given: training) or evaluate() (none), and
  // visits "encoder_layer_0", "encoder_layer_1", "mean", "log_variance", "sigma", "z", "theta", "reconstruction" (Wd
  // theta, [V + 1, R]), "log_likelihood" and "negative_kld" with shape and values.
  using Visitor = std::function<void(const std::string& name, std::vector<int64_t> shape, std::vector<float> values)>;
  void trace(const VampireBatch&, const std::optional<VampireDraws>&, float kl_weight, const Visitor&);

 private:
  struct Parameters {  // indices
    DenseParameters layer0, layer1, mean, log_variance;
    int decoder = -1, bias = -1;
  };
  struct Layout {
    Tensor h0, h1, mean, log_variance, theta;  // [R, H], [R, H], [R, K], [R, K], [R, K]
    Tensor sigma, z;                           // [R, K], of trace() alone
    Tensor negative_kld, log_likelihood;       // [1, R]
    Tensor reconstruction;                     // [V + 1, R]; becomes its gradient
    Tensor dtheta, dlog_variance, dh1, dh0;    // [R, K], [R, K], [R, H], [R, H]
  };
  struct Pass {
    bool training = false, traced = false, encoder_only = false;
    float kl_weight = 1;
    uint64_t seed = 0;
  };

  void lay_out(Arena&, int64_t documents, const Pass&, Layout&) const;
  size_t activation_bytes(const VampireCapacity&, Mode) const;
  void release();
  void begin(const VampireBatch&, const VampireDraws&, const Pass&);
  void run(const VampireBatch&, const VampireDraws&, const Pass&, const Visitor&);
  void show(const Visitor&) const;
  void encode(const Pass&);
  void add_likelihood(const Pass&);
  void backward(const Pass&);
  LogisticNormalForward latent(const Pass&) const;
  void dense(const DenseParameters&, const Tensor& x, const Tensor& y) const;
  void dense_backward(const DenseParameters&, const Tensor& dy, const Tensor& x, const Tensor& dx, bool accumulate);
  Tensor buffer(VampireBuffer) const;

  VampireConfig config_;
  Backend& backend_;
  Mode mode_;
  ParamStore params_;
  Parameters at_;
  float* buffers_ = nullptr;  // 3 [1, V + 1], each from a multiple of 64 elements on
  double* totals_ = nullptr;  // negative_kld, log_likelihood, the loss of the last batch
  int64_t counted_ = 0;       // documents of the totals

  VampireCapacity capacity_;
  Mode reserved_mode_ = Mode::kInference;
  char* memory_ = nullptr;
  size_t bytes_ = 0;
  std::unique_ptr<DeviceBags> batch_;
  Layout layout_;
};

}  // namespace encore
