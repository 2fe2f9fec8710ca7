#include "model/vampire/vampire_model.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/rng.h"
#include "model/encoder_model.h"
#include "model/trusted_indices.h"
#include "model/vampire/device_bags.h"

namespace encore {
namespace {

constexpr int kOwnBuffers = 3, kTotals = 3;

int64_t padded(int64_t n, int64_t to) {
  return (n + to - 1) / to * to;
}

}  // namespace

VampireModel::VampireModel(const VampireConfig& config, Backend& backend, Mode mode, bool with_memory)
    : config_(config), backend_(backend), mode_(mode), batch_(std::make_unique<DeviceBags>()) {
  check_config(config, "VAMPIRE");
  const auto [words, hidden, latent] = std::tuple(config.vocabulary, config.hidden, config.latent);
  // [in, out] here, because a document gathers rows; files have [out, in].
  const std::string first = "vae.encoder._linear_layers.0";
  at_.layer0.weight = params_.add({.name = first + ".weight", .shape = {words, hidden}, .init = Init::kNormal});
  at_.layer0.bias = params_.add({.name = first + ".bias", .shape = {hidden}});
  at_.layer1 = params_.add_dense("vae.encoder._linear_layers.1", hidden, hidden);
  at_.mean = params_.add_dense("vae.mean_projection._linear_layers.0", latent, hidden);
  at_.log_variance = params_.add_dense("vae.log_variance_projection._linear_layers.0", latent, hidden);
  at_.bias = params_.add({.name = "bow_bn.bias", .shape = {words}});
  at_.decoder = params_.add({.name = "vae._decoder.weight", .shape = {words, latent}, .init = Init::kNormal});
  if (!with_memory) {
    params_.outline(backend, DType::kF32);
    return;
  }
  params_.allocate(backend, DType::kF32, mode == Mode::kTraining);
  const size_t bytes = size_t(kOwnBuffers * padded(words, 64)) * sizeof(float);
  buffers_ = static_cast<float*>(backend.allocate(bytes));
  backend.fill_zero(buffers_, bytes);
  totals_ = static_cast<double*>(backend.allocate(kTotals * sizeof(double)));
  backend.fill_zero(totals_, kTotals * sizeof(double));
}

VampireModel::~VampireModel() {
  release();
  if (buffers_) backend_.free(buffers_);
  if (totals_) backend_.free(totals_);
}

void VampireModel::initialise(uint64_t seed) {
  const auto uniform_values = [&](int index, int64_t fan_in) {
    const Parameter& p = params_.parameters()[size_t(index)];
    std::vector<float> values(size_t(p.size()));
    const double bound = 1 / std::sqrt(double(fan_in));
    const uint64_t name = hash_of_name(p.name);
    for (size_t i = 0; i < values.size(); ++i) {
      const PhiloxDraw d = draw(seed, name, draw_site(0, Site::kInit), uint32_t(i / 2));
      values[i] = float(bound * (2 * uniform(d, int(i % 2)) - 1));
    }
    params_.write(index, values.data());
  };
  const auto dense = [&](const DenseParameters& p, int64_t fan_in) {
    uniform_values(p.weight, fan_in);
    uniform_values(p.bias, fan_in);
  };
  dense(at_.layer0, config_.vocabulary);
  dense(at_.layer1, config_.hidden);
  dense(at_.mean, config_.hidden);
  dense(at_.log_variance, config_.hidden);
  uniform_values(at_.decoder, config_.latent);
  const std::vector<float> zeros(size_t(config_.vocabulary)), ones(zeros.size(), 1.f);
  params_.write(at_.bias, zeros.data());
  write(VampireBuffer::kRunningMean, zeros);
  write(VampireBuffer::kRunningVariance, ones);
  params_.weights_changed();
}

Tensor VampireModel::buffer(VampireBuffer which) const {
  return {buffers_ + int64_t(which) * padded(config_.vocabulary, 64), 1, config_.vocabulary};
}

std::vector<float> VampireModel::read(VampireBuffer which) const {
  return read_as_f32(backend_, buffer(which));
}

void VampireModel::write(VampireBuffer which, std::span<const float> values) {
  check(int64_t(values.size()) == config_.vocabulary, "VAMPIRE: a buffer has {} values, not {}", config_.vocabulary,
        values.size());
  const Tensor to = buffer(which);
  backend_.copy_to_device(to.data, values.data(), to.bytes());
}

std::vector<float> VampireModel::topics() const {
  return params_.read(at_.decoder);
}

void VampireModel::lay_out(Arena& arena, int64_t documents, const Pass& pass, Layout& out) const {
  const auto matrix = [&](const char* name, int64_t cols) { return arena.take(name, DType::kF32, documents, cols); };
  const int64_t hidden = config_.hidden, latent = config_.latent;
  out = {.h0 = matrix("h0", hidden),
         .h1 = matrix("h1", hidden),
         .mean = matrix("mean", latent),
         .log_variance = matrix("log variance", latent),
         .theta = matrix("theta", latent),
         .negative_kld = arena.take("KL", DType::kF32, 1, documents)};
  if (pass.traced) out.sigma = matrix("sigma", latent), out.z = matrix("z", latent);
  if (pass.encoder_only) return;
  out.log_likelihood = arena.take("likelihood", DType::kF32, 1, documents);
  // Rows of whole cache lines.
  out.reconstruction =
      arena.take("reconstruction", DType::kF32, config_.vocabulary, padded(documents, 16)).col_range(0, documents);
  if (!pass.training) return;
  out.dtheta = matrix("d theta", latent);
  out.dlog_variance = matrix("d log variance", latent);
  out.dh1 = matrix("d h1", hidden);
  out.dh0 = matrix("d h0", hidden);
}

size_t VampireModel::activation_bytes(const VampireCapacity& c, Mode mode) const {
  Arena arena;
  Layout layout;
  lay_out(arena, c.documents, {.training = mode == Mode::kTraining, .traced = true}, layout);
  return arena.peak();
}

MemoryPlan VampireModel::plan(const VampireCapacity& c, Mode mode) const {
  const size_t length = size_t(params_.length()) * sizeof(float);
  MemoryPlan plan;
  plan.regions.push_back({.name = "weights (fp32)", .bytes = length});
  if (mode == Mode::kTraining) plan.regions.push_back({.name = "gradients (fp32)", .bytes = length});
  plan.regions.push_back({.name = "batch norm and background",
                          .bytes = size_t(kOwnBuffers * padded(config_.vocabulary, 64)) * sizeof(float)});
  plan.regions.push_back({.name = "batch", .bytes = DeviceBags::bytes(c, config_)});
  plan.regions.push_back({.name = "activations", .bytes = activation_bytes(c, mode)});
  return plan;
}

void VampireModel::reserve(const VampireCapacity& c, Mode mode) {
  check(c.documents > 0 && c.entries >= 0, "VAMPIRE: a capacity of {} documents and {} entries", c.documents,
        c.entries);
  check(mode == Mode::kInference || mode_ == Mode::kTraining, "this model was made for inference: it has no gradients");
  release();
  bytes_ = activation_bytes(c, mode);
  memory_ = static_cast<char*>(backend_.allocate(bytes_));
  batch_->allocate(backend_, c, config_);
  capacity_ = c;
  reserved_mode_ = mode;
}

void VampireModel::release() {
  if (memory_) backend_.free(memory_);
  memory_ = nullptr;
  batch_->release();
  capacity_ = {};
}

Tensor VampireModel::loss() const {
  return {totals_ + 2, 1, 1};
}

VampireTotals VampireModel::take_totals() {
  double host[2];
  backend_.copy_to_host(host, totals_, sizeof host);
  backend_.fill_zero(totals_, sizeof host);
  return {.documents = std::exchange(counted_, 0), .negative_kld = host[0], .log_likelihood = host[1]};
}

int64_t VampireModel::embedding_size(VampireEmbedding which) const {
  if (which == VampireEmbedding::kH1) return config_.hidden;
  check(which == VampireEmbedding::kTheta || config_.hidden == config_.latent,
        "VAMPIRE: the embeddings mix and dsp add layers of {} and {} units: give theta or h1", config_.hidden,
        config_.latent);
  return config_.latent;
}

void VampireModel::embed(const VampireBatch& b, VampireEmbedding which, std::vector<float>& out) {
  const int64_t size = embedding_size(which);
  const Pass pass{.encoder_only = true};
  begin(b, {}, pass);
  encode(pass);
  if (which == VampireEmbedding::kH1) out = read_as_f32(backend_, layout_.h1);
  if (which == VampireEmbedding::kH1) return;
  out = read_as_f32(backend_, layout_.theta);
  if (which == VampireEmbedding::kTheta) return;
  // The scalar mix of the original: softmax of [1, -20, 1].
  const double rest = std::exp(-21.0), sum = 2 + rest;
  const bool mix = which == VampireEmbedding::kMix;
  const double of_h0 = mix ? 1 / sum : 1, of_h1 = mix ? rest / sum : -20, of_theta = mix ? 1 / sum : 1;
  const std::vector<float> h0 = read_as_f32(backend_, layout_.h0), h1 = read_as_f32(backend_, layout_.h1);
  for (size_t i = 0; i < size_t(b.documents() * size); ++i)
    out[i] = float(of_h0 * double(h0[i]) + of_h1 * double(h1[i]) + of_theta * double(out[i]));
}

}  // namespace encore
