// All parameters of a model in one flat buffer, in registration order, under their Hugging Face names.
//
// Parallel buffers of one length: weights (fp32 master), gradients (fp32), and for bf16 activations a bf16 copy of the
// weights, the shadow. The optimiser's moments (optim/) have the same length. A parameter has the same offset in all.
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
  int64_t extent = 0;     // elements reserved, >= size(); those beyond size() stay 0
  int32_t zero_row = -1;  // padding_idx: this row is 0 at initialisation

  int64_t size() const;
  int64_t rows() const { return shape.size() == 2 ? shape[0] : 1; }
  int64_t cols() const { return shape.back(); }
};

// A parameter as a module registers it.
struct NewParameter {
  std::string name;
  std::vector<int64_t> shape;
  Init init = Init::kZero;
  bool decay = false;
  // true: directly behind the parameter before it, so that several form one matrix (query, key, value). Otherwise a
  // parameter starts at a multiple of 64 elements.
  bool joined = false;
  int64_t padded_rows = 0;  // if more than the shape has: rows to reserve; those beyond the shape stay 0
  int32_t zero_row = -1;    // as in Parameter
};

// Indices of the parameters of a layer.
struct DenseParameters {
  int weight = -1, bias = -1;
};
struct NormParameters {
  int gamma = -1, beta = -1;
};

// Keys a parameter's random draws (kernels/base/rng.h, Site::kInit).
uint64_t hash_of_name(std::string_view name);

class ParamStore {
 public:
  // Registers a parameter and returns its index. Throws Error naming the parameter: registered twice, neither a vector
  // nor a matrix, a zero row that it does not have.
  int add(const NewParameter&);
  // NAME.weight [out, in] and NAME.bias [out] of a dense layer; NAME.weight and NAME.bias [size] of a LayerNorm.
  DenseParameters add_dense(std::string_view name, int64_t out, int64_t in);
  NormParameters add_norm(std::string_view name, int64_t size);

  // Allocates the buffers, once. compute: dtype of activations (fp32 or bf16). training = false: no gradients.
  void allocate(Backend& backend, DType compute, bool training);
  // Sets lengths and offsets as allocate() does, and allocates nothing: no value can be read.
  void outline(Backend& backend, DType compute);
  ~ParamStore();
  ParamStore() = default;
  ParamStore(const ParamStore&) = delete;
  ParamStore& operator=(const ParamStore&) = delete;

  const std::vector<Parameter>& parameters() const { return parameters_; }
  int find(std::string_view name) const;      // -1: no such parameter
  int64_t length() const { return length_; }  // of the flat buffers, in elements
  DType compute_dtype() const { return compute_; }
  Backend& backend() const { return *backend_; }

  // One parameter as [rows, cols], with its padded rows.
  Tensor weight(int index) const;    // fp32 master
  Tensor compute(int index) const;   // dtype of activations: the shadow, or the master itself in fp32
  Tensor gradient(int index) const;  // fp32
  // `count` joined parameters, from `index` on, as one matrix or one row vector.
  Tensor weight_joined(int index, int count) const;
  Tensor compute_joined(int index, int count) const;
  Tensor gradient_joined(int index, int count) const;

  // The whole buffers as [1, length].
  Tensor weights() const;
  Tensor gradients() const;
  Tensor shadow() const;  // absent in fp32

  void zero_gradients();
  // Call it when the master weights have changed: rewrites the shadow, unless the optimiser has done so, and lets
  // the backend drop packed copies.
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

// Uses gradients as soon as they are final, before the backward pass ends: the sum over ranks.
class GradientListener {
 public:
  // true: final_from(from) is to be called. Passes over batches of one shape must get the same answers in the same
  // order.
  virtual bool wants(int64_t from) const = 0;
  // The gradients from element `from` of the flat buffer on are final: this pass has submitted to the backend all that
  // adds to them.
  virtual void final_from(int64_t from) = 0;

 protected:
  ~GradientListener() = default;
};

}  // namespace encore
