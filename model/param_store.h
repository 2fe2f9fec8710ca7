// All parameters of a model in one flat buffer, in registration order, under their Hugging Face names.
//
// Parallel buffers of one length: weights (fp32 master), gradients (fp32), and for bf16 activations a bf16 shadow of
// the weights. The optimiser's moments have the same length and live in optim/. Same offset = same parameter in all.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/backend.h"

namespace encore {

enum class Init : uint8_t { kNormal, kZero, kOne };  // N(0, initializer_range), 0, 1

struct Parameter {
  std::string name;            // "roberta.encoder.layer.0.attention.self.query.weight"
  std::vector<int64_t> shape;  // as stored in a checkpoint
  Init init = Init::kZero;
  bool decay = false;     // weight decay applies (matrices and embeddings; not biases, not LayerNorm)
  int64_t offset = 0;     // in elements
  int64_t extent = 0;     // elements set aside, >= size(); the rest stays 0
  int32_t zero_row = -1;  // padding_idx: this row is 0 at initialisation

  int64_t size() const;
  int64_t rows() const { return shape.size() == 2 ? shape[0] : 1; }
  int64_t cols() const { return shape.back(); }
};

class ParamStore {
 public:
  // Registers a parameter and returns its index. `padded_rows` >= rows sets room aside for rows that stay 0.
  // A parameter starts at a multiple of 64 elements unless `joined`: then directly behind the one before it, so that
  // several form one matrix (query, key, value).
  int add(std::string name, std::vector<int64_t> shape, Init init, bool decay, bool joined = false,
          int64_t padded_rows = 0);
  void set_zero_row(int index, int32_t row);

  // Allocates. compute: dtype of activations (fp32 or bf16). training = false: no gradients.
  void allocate(Backend& backend, DType compute, bool training);
  // The same without memory: lengths and offsets are right, no value can be read.
  void outline(Backend& backend, DType compute);
  void release();
  ~ParamStore();
  ParamStore() = default;
  ParamStore(const ParamStore&) = delete;
  ParamStore& operator=(const ParamStore&) = delete;

  const std::vector<Parameter>& parameters() const { return parameters_; }
  int find(std::string_view name) const;      // -1: no such parameter
  int64_t length() const { return length_; }  // of the flat buffers, in elements
  DType compute_dtype() const { return compute_; }
  Backend& backend() const { return *backend_; }

  // One parameter: [rows, cols] with rows padded where room was set aside.
  Tensor weight(int index) const;    // fp32 master
  Tensor compute(int index) const;   // dtype of activations: the shadow, or the master itself in fp32
  Tensor gradient(int index) const;  // fp32
  // `count` joined parameters from `index` on as one matrix (or one row vector).
  Tensor weight_joined(int index, int count) const;
  Tensor compute_joined(int index, int count) const;
  Tensor gradient_joined(int index, int count) const;

  // The whole buffers as [1, length].
  Tensor weights() const;
  Tensor gradients() const;
  Tensor shadow() const;  // absent in fp32

  void zero_gradients();
  // Says that the master weights changed: rewrites the shadow (unless the optimiser wrote it) and drops packed copies.
  void weights_changed(bool shadow_is_current = false);

  // Fresh weights: a pure function of (seed, parameter name).
  void initialise(uint64_t seed, float initializer_range);
  void initialise(int index, uint64_t seed, float initializer_range);

  // Host copies of one parameter, without the padded rows.
  std::vector<float> read(int index) const;
  std::vector<float> read_gradient(int index) const;
  void write(int index, const float* values);

 private:
  std::vector<Parameter> parameters_;
  int64_t length_ = 0;
  Backend* backend_ = nullptr;
  DType compute_ = DType::kF32;
  float* weights_ = nullptr;
  float* gradients_ = nullptr;
  bf16* shadow_ = nullptr;
};

// Whoever uses gradients while the backward pass that makes them goes on (sums over ranks).
class GradientListener {
 public:
  // Is there something to do once the gradients from element `from` of the flat buffer on are final? Two passes over
  // batches of one shape get the same answers in the same order.
  virtual bool wants(int64_t from) const = 0;
  // They are: this pass has given the backend all that adds to them. Called where wants(from) says so.
  virtual void final_from(int64_t from) = 0;

 protected:
  ~GradientListener() = default;
};

}  // namespace encore
