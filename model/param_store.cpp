#include "model/param_store.h"

#include <cmath>
#include <numbers>

#include "kernels/base/rng.h"

namespace encore {
namespace {

constexpr int64_t kAlignment = 64;  // elements: at least a cache line in every dtype

int64_t round_up(int64_t n, int64_t to) {
  return (n + to - 1) / to * to;
}

// Box-Muller transform: one draw gives elements 2i and 2i + 1.
void fill_normal(std::vector<float>& values, uint64_t seed, uint64_t name_hash, float stddev) {
  const int64_t pairs = (int64_t(values.size()) + 1) / 2;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < pairs; ++i) {
    const PhiloxDraw d = draw(seed, name_hash, draw_site(0, Site::kInit), uint32_t(i));
    const double radius = std::sqrt(-2 * std::log(1 - uniform(d, 0)));
    const double angle = 2 * std::numbers::pi * uniform(d, 1);
    values[2 * i] = float(stddev * radius * std::cos(angle));
    if (2 * i + 1 < int64_t(values.size())) values[2 * i + 1] = float(stddev * radius * std::sin(angle));
  }
}

Tensor view(void* base, DType dtype, const Parameter& p) {
  if (!base) return {};
  void* data = static_cast<char*>(base) + size_t(p.offset) * size_of(dtype);
  return p.shape.size() == 2 ? Tensor(data, dtype, p.extent / p.cols(), p.cols()) : Tensor(data, dtype, 1, p.extent);
}

Tensor joined_view(const std::vector<Parameter>& all, void* base, DType dtype, int index, int count) {
  Tensor t = view(base, dtype, all.at(index));
  for (int i = index + 1; i < index + count; ++i) {
    const Parameter &before = all.at(i - 1), &p = all.at(i);
    check(p.offset == before.offset + before.extent && p.cols() == all[index].cols(), "{} does not continue {}", p.name,
          before.name);
    p.shape.size() == 2 ? t.rows += p.rows() : t.cols += p.size();
  }
  t.ld = t.cols;
  return t;
}

}  // namespace

// FNV-1a of the name keys a parameter's random draws, so that its values do not depend on the other parameters.
uint64_t hash_of_name(std::string_view name) {
  uint64_t h = 0xcbf29ce484222325u;
  for (const char c : name) h = (h ^ uint8_t(c)) * 0x100000001b3u;
  return h;
}

int64_t Parameter::size() const {
  int64_t n = 1;
  for (const int64_t extent : shape) n *= extent;
  return n;
}

int ParamStore::add(const NewParameter& wanted) {
  const std::string& name = wanted.name;
  check(!backend_, "{}: parameters are registered before memory is allocated", name);
  check(wanted.shape.size() == 1 || wanted.shape.size() == 2, "{}: a parameter has one or two dimensions, not {}", name,
        wanted.shape.size());
  check(find(name) < 0, "{} is registered twice", name);
  Parameter p{
      .name = name, .shape = wanted.shape, .init = wanted.init, .decay = wanted.decay, .zero_row = wanted.zero_row};
  check(p.zero_row < p.rows(), "{} has {} rows: row {} is not one of them", name, p.rows(), p.zero_row);
  p.extent = std::max(p.size(), wanted.padded_rows * p.cols());
  const int64_t end = parameters_.empty() ? 0 : parameters_.back().offset + parameters_.back().extent;
  p.offset = wanted.joined ? end : round_up(end, kAlignment);
  length_ = round_up(p.offset + p.extent, kAlignment);
  parameters_.push_back(std::move(p));
  return int(parameters_.size()) - 1;
}

DenseParameters ParamStore::add_dense(std::string_view name, int64_t out, int64_t in) {
  const int weight =
      add({.name = fmt::format("{}.weight", name), .shape = {out, in}, .init = Init::kNormal, .decay = true});
  return {.weight = weight, .bias = add({.name = fmt::format("{}.bias", name), .shape = {out}})};
}

NormParameters ParamStore::add_norm(std::string_view name, int64_t size) {
  const int gamma = add({.name = fmt::format("{}.weight", name), .shape = {size}, .init = Init::kOne});
  return {.gamma = gamma, .beta = add({.name = fmt::format("{}.bias", name), .shape = {size}})};
}

void ParamStore::outline(Backend& backend, DType compute) {
  check(compute == DType::kF32 || compute == DType::kBF16, "activations are fp32 or bf16, not {}", name_of(compute));
  check(!backend_, "the memory of these parameters is allocated already");
  backend_ = &backend;
  compute_ = compute;
}

void ParamStore::allocate(Backend& backend, DType compute, bool training) {
  outline(backend, compute);
  weights_ = static_cast<float*>(backend.allocate(size_t(length_) * sizeof(float)));
  if (training) gradients_ = static_cast<float*>(backend.allocate(size_t(length_) * sizeof(float)));
  if (compute == DType::kBF16) shadow_ = static_cast<bf16*>(backend.allocate(size_t(length_) * sizeof(bf16)));
}

ParamStore::~ParamStore() {
  for (void* p : {static_cast<void*>(weights_), static_cast<void*>(gradients_), static_cast<void*>(shadow_)})
    if (p) backend_->free(p);
}

int ParamStore::find(std::string_view name) const {
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (parameters_[i].name == name) return int(i);
  return -1;
}

Tensor ParamStore::weight(int index) const {
  return view(weights_, DType::kF32, parameters_.at(index));
}
Tensor ParamStore::compute(int index) const {
  return compute_ == DType::kF32 ? weight(index) : view(shadow_, DType::kBF16, parameters_.at(index));
}
Tensor ParamStore::gradient(int index) const {
  return view(gradients_, DType::kF32, parameters_.at(index));
}
Tensor ParamStore::weight_joined(int index, int count) const {
  return joined_view(parameters_, weights_, DType::kF32, index, count);
}
Tensor ParamStore::compute_joined(int index, int count) const {
  if (compute_ == DType::kF32) return weight_joined(index, count);
  return joined_view(parameters_, shadow_, DType::kBF16, index, count);
}
Tensor ParamStore::gradient_joined(int index, int count) const {
  return joined_view(parameters_, gradients_, DType::kF32, index, count);
}

Tensor ParamStore::weights() const {
  return {weights_, DType::kF32, 1, length_};
}
Tensor ParamStore::gradients() const {
  return gradients_ ? Tensor(gradients_, DType::kF32, 1, length_) : Tensor();
}
Tensor ParamStore::shadow() const {
  return shadow_ ? Tensor(shadow_, DType::kBF16, 1, length_) : Tensor();
}

void ParamStore::zero_gradients() {
  if (gradients_) backend_->fill_zero(gradients_, size_t(length_) * sizeof(float));
}

void ParamStore::weights_changed(bool shadow_is_current) {
  if (shadow_ && !shadow_is_current) cast(*backend_, {.x = weights(), .y = shadow()});
  backend_->weights_changed();
}

void ParamStore::initialise(uint64_t seed, float initializer_range) {
  for (size_t i = 0; i < parameters_.size(); ++i) initialise(int(i), seed, initializer_range);
}

void ParamStore::initialise(int index, uint64_t seed, float initializer_range) {
  const Parameter& p = parameters_.at(index);
  std::vector<float> values(size_t(p.size()), p.init == Init::kOne ? 1.0f : 0.0f);
  if (p.init == Init::kNormal) fill_normal(values, seed, hash_of_name(p.name), initializer_range);
  if (p.zero_row >= 0) std::fill_n(values.begin() + p.zero_row * p.cols(), p.cols(), 0.0f);
  write(index, values.data());
}

std::vector<float> ParamStore::read(int index) const {
  const Parameter& p = parameters_.at(index);
  std::vector<float> values(size_t(p.size()));
  backend_->copy_to_host(values.data(), weights_ + p.offset, values.size() * sizeof(float));
  return values;
}

std::vector<float> ParamStore::read_gradient(int index) const {
  const Parameter& p = parameters_.at(index);
  check(gradients_ != nullptr, "{} has no gradient: the model was made for inference", p.name);
  std::vector<float> values(size_t(p.size()));
  backend_->copy_to_host(values.data(), gradients_ + p.offset, values.size() * sizeof(float));
  return values;
}

void ParamStore::write(int index, const float* values) {
  const Parameter& p = parameters_.at(index);
  backend_->copy_to_device(weights_ + p.offset, values, size_t(p.size()) * sizeof(float));
}

}  // namespace encore
