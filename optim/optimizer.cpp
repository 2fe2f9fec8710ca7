#include "optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace encore {
namespace {

// true: weight decay applies to the parameter. docs/training.md explains the two rules.
bool decays(const Parameter& p, bool legacy) {
  if (!legacy) return p.decay;
  return p.name.find("bias") == std::string::npos && p.name.find("LayerNorm.weight") == std::string::npos;
}

}  // namespace

Optimizer::Optimizer(ParamStore& params, const AdamWOptions& options) : params_(params), options_(options) {
  check(options.beta1 >= 0 && options.beta1 < 1, "--adam-beta1 is {}, not in [0, 1)", options.beta1);
  check(options.beta2 >= 0 && options.beta2 < 1, "--adam-beta2 is {}, not in [0, 1)", options.beta2);
  check(options.eps > 0, "--adam-eps is {}, not above 0", options.eps);
  check(options.weight_decay >= 0, "--weight-decay is {}, below 0", options.weight_decay);
  check(options.clip >= 0, "--clip is {}, below 0", options.clip);
  Backend& backend = params.backend();
  const size_t bytes = size_t(params.length()) * sizeof(float);
  m_ = static_cast<float*>(backend.allocate(bytes));
  v_ = static_cast<float*>(backend.allocate(bytes));
  scalars_ = backend.allocate(64);
  // The padding behind a parameter is 0 and stays 0 with decay or without, so a range ends where the next one begins.
  std::vector<int64_t> pairs;
  bool sparing = false;
  for (const Parameter& p : params.parameters()) {
    const bool spares = !decays(p, options.legacy_decay) || options.weight_decay == 0;
    decays_ = decays_ || !spares;
    if (spares != sparing) pairs.push_back(p.offset);
    sparing = spares;
  }
  if (sparing) pairs.push_back(params.length());
  if (decays_ && !pairs.empty()) send_spared(pairs);
}

void Optimizer::send_spared(const std::vector<int64_t>& pairs) {
  Backend& backend = params_.backend();
  const size_t bytes = pairs.size() * sizeof(int64_t);
  spared_ = Tensor(static_cast<int64_t*>(backend.allocate(bytes)), 1, int64_t(pairs.size()));
  backend.copy_to_device(spared_.data, pairs.data(), bytes);
}

Optimizer::~Optimizer() {
  Backend& backend = params_.backend();
  for (void* p : {static_cast<void*>(m_), static_cast<void*>(v_), scalars_, spared_.data})
    if (p) backend.free(p);
  for (const Staging& s : staging_)
    if (s.memory) backend.free_staging(s.memory);
}

Tensor Optimizer::squares() const {
  return Tensor(reinterpret_cast<double*>(static_cast<char*>(scalars_) + 32), 1, 1);
}

void Optimizer::measure() {
  Backend& backend = params_.backend();
  backend.fill_zero(squares().data, sizeof(double));
  sum_of_squares(backend, {.x = params_.gradients(), .result = squares()});
}

double Optimizer::gradient_norm() {
  measure();
  double host = 0;
  params_.backend().copy_to_host(&host, squares().data, sizeof(host));
  return std::sqrt(host);
}

AdamWScalars Optimizer::next_scalars(double lr, double scale) {
  ++steps_;
  return {.lr = float(lr),
          .grad_scale = float(scale),
          .correction1 = float(1 - std::pow(options_.beta1, double(steps_))),
          .correction2 = float(1 - std::pow(options_.beta2, double(steps_)))};
}

void Optimizer::adamw_all(const Tensor& squares, const Tensor& loss) {
  adamw(params_.backend(),
        {.w = params_.weights(),
         .m = m(),
         .v = v(),
         .gradient = params_.gradients(),
         .shadow = params_.shadow(),
         .scalars = Tensor(static_cast<float*>(scalars_), 1, 4),
         .squares = squares,
         .loss = loss,
         .spared = spared_,
         .max_norm = options_.clip > 0 ? float(options_.clip) : std::numeric_limits<float>::infinity(),
         .beta1 = float(options_.beta1),
         .beta2 = float(options_.beta2),
         .eps = float(options_.eps),
         .weight_decay = decays_ ? float(options_.weight_decay) : 0.0f});
  params_.weights_changed(/*shadow_is_current=*/true);
}

void Optimizer::step(double lr, double norm) {
  const double scale = options_.clip > 0 ? std::min(1.0, options_.clip / (norm + 1e-6)) : 1.0;
  const AdamWScalars scalars = next_scalars(lr, scale);
  params_.backend().copy_to_device(scalars_, &scalars, sizeof(scalars));
  adamw_all({}, {});
}

void Optimizer::update(double lr, const Tensor& loss_sum) {
  Backend& backend = params_.backend();
  Staging& staging = staging_[steps_ % 2];
  if (!staging.memory) staging.memory = static_cast<AdamWScalars*>(backend.allocate_staging(sizeof(AdamWScalars)));
  if (staging.sent) backend.synchronize(*staging.sent);
  *staging.memory = next_scalars(lr, 1);
  backend.copy_to_device_async(scalars_, staging.memory, sizeof(AdamWScalars));
  staging.sent = backend.record_event();
  recorded_.run(backend, reinterpret_cast<uintptr_t>(loss_sum.data), [&] { adamw_all(squares(), loss_sum); });
}

Tensor Optimizer::m() const {
  return Tensor(m_, 1, params_.length());
}
Tensor Optimizer::v() const {
  return Tensor(v_, 1, params_.length());
}

}  // namespace encore
