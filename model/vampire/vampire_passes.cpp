// The passes of VAMPIRE over a batch.
#include <cmath>

#include "model/encoder_model.h"
#include "model/trusted_indices.h"
#include "model/vampire/device_bags.h"
#include "model/vampire/vampire_model.h"

namespace encore {

void VampireModel::begin(const VampireBatch& b, const VampireDraws& draws, const Pass& pass) {
  check_batch(b, config_.vocabulary);
  check(memory_ && b.documents() <= capacity_.documents && b.entries() <= capacity_.entries,
        "a batch of {} documents and {} entries exceeds the memory planned for {} and {}", b.documents(), b.entries(),
        capacity_.documents, capacity_.entries);
  check(!pass.training || reserved_mode_ == Mode::kTraining, "memory was planned for inference: no backward pass");
  check(!pass.training || b.documents() >= 2,
        "a training batch of {} documents: batch norm takes the variance over at least 2", b.documents());
  const size_t elements = size_t(b.documents() * config_.latent);
  for (const auto& given : {draws.noise, draws.keep})
    check(given.empty() || given.size() == elements, "draws of {} elements are given, not {}", given.size(), elements);
  batch_->upload(b, draws, pass.training);
  Arena arena(memory_, bytes_);
  lay_out(arena, b.documents(), pass, layout_);
  // The products with theta take it for a weight, and it is another one in every batch.
  backend_.weights_changed();
}

void VampireModel::dense(const DenseParameters& p, const Tensor& x, const Tensor& y) const {
  linear_forward(backend_, {.x = x, .w = params_.weight(p.weight), .bias = params_.weight(p.bias), .y = y});
}

LogisticNormalForward VampireModel::latent(const Pass& pass) const {
  const float per_document = 1.f / float(std::max<int64_t>(layout_.mean.rows, 1));
  return {.mean = layout_.mean,
          .log_variance = layout_.log_variance,
          .theta = layout_.theta,
          .negative_kld = layout_.negative_kld,
          .sigma = layout_.sigma,
          .z = layout_.z,
          .sample = pass.training,
          .kl_clamp = config_.kl_clamp,
          .draws = {.dropout = config_.z_dropout,
                    .seed = pass.seed,
                    .document_keys = batch_->document_keys,
                    .noise = batch_->noise,
                    .keep = batch_->keep},
          .kld = {.sum = Tensor(totals_, 1, 1), .loss = loss(), .scale = -pass.kl_weight * per_document}};
}

void VampireModel::encode(const Pass& pass) {
  const TrustedIndices trusted(backend_);
  const Layout& l = layout_;
  const auto activate = [&](const Tensor& h) {
    if (config_.activation == VampireActivation::kRelu) relu_forward(backend_, {.x = h, .y = h});
  };
  bag_linear_forward(backend_, {.bags = batch_->bags,
                                .w = params_.weight(at_.layer0.weight),
                                .bias = params_.weight(at_.layer0.bias),
                                .y = l.h0});
  activate(l.h0);
  dense(at_.layer1, l.h0, l.h1);
  activate(l.h1);
  dense(at_.mean, l.h1, l.mean);
  dense(at_.log_variance, l.h1, l.log_variance);
  LogisticNormalForward a = latent(pass);
  if (pass.encoder_only) a.kld = {};
  logistic_normal_forward(backend_, a);
}

void VampireModel::add_likelihood(const Pass& pass) {
  const TrustedIndices trusted(backend_);
  const Layout& l = layout_;
  bag_likelihood(backend_, {.reconstruction = l.reconstruction,
                            .background = buffer(VampireBuffer::kBackground),
                            .bias = params_.weight(at_.bias),
                            .running_mean = buffer(VampireBuffer::kRunningMean),
                            .running_variance = buffer(VampireBuffer::kRunningVariance),
                            .bags = batch_->bags,
                            .by_word = batch_->by_word,
                            .log_likelihood = l.log_likelihood,
                            .dbias = pass.training ? params_.gradient(at_.bias) : Tensor(),
                            .likelihood = {.sum = Tensor(totals_ + 1, 1, 1),
                                           .loss = loss(),
                                           .scale = -1.f / float(std::max<int64_t>(l.theta.rows, 1))},
                            .training = pass.training});
}

void VampireModel::dense_backward(const DenseParameters& p, const Tensor& dy, const Tensor& x, const Tensor& dx,
                                  bool accumulate) {
  linear_backward_weight(backend_, {.dy = dy, .x = x, .dw = params_.gradient(p.weight)});
  bias_gradient(backend_, {.dy = dy, .dbias = params_.gradient(p.bias)});
  linear_backward_input(backend_, {.dy = dy, .w = params_.weight(p.weight), .dx = dx, .accumulate = accumulate});
}

void VampireModel::backward(const Pass& pass) {
  const TrustedIndices trusted(backend_);
  const Layout& l = layout_;
  const auto through_activation = [&](const Tensor& dh, const Tensor& h) {
    if (config_.activation == VampireActivation::kRelu) relu_backward(backend_, {.dy = dh, .y = h, .dx = dh});
  };
  linear_backward_input(backend_, {.dy = l.reconstruction, .w = l.theta, .dx = params_.gradient(at_.decoder)});
  backend_.fill_zero(l.dtheta.data, l.dtheta.bytes());
  linear_backward_weight(backend_, {.dy = l.reconstruction, .x = params_.weight(at_.decoder), .dw = l.dtheta});
  logistic_normal_backward(
      backend_, {.forward = latent(pass), .dtheta = l.dtheta, .dmean = l.dtheta, .dlog_variance = l.dlog_variance});
  dense_backward(at_.mean, l.dtheta, l.h1, l.dh1, false);
  dense_backward(at_.log_variance, l.dlog_variance, l.h1, l.dh1, true);
  through_activation(l.dh1, l.h1);
  dense_backward(at_.layer1, l.dh1, l.h0, l.dh0, false);
  through_activation(l.dh0, l.h0);
  bag_linear_backward(backend_, {.bags = batch_->by_word, .dy = l.dh0, .dw = params_.gradient(at_.layer0.weight)});
  bias_gradient(backend_, {.dy = l.dh0, .dbias = params_.gradient(at_.layer0.bias)});
}

void VampireModel::forward_backward(const VampireBatch& b, float kl_weight, uint64_t seed, const VampireDraws& draws) {
  run(b, draws, {.training = true, .kl_weight = kl_weight, .seed = seed}, nullptr);
}

void VampireModel::evaluate(const VampireBatch& b) {
  run(b, {}, {}, nullptr);
}

void VampireModel::run(const VampireBatch& b, const VampireDraws& draws, const Pass& pass, const Visitor& visit) {
  begin(b, draws, pass);
  if (b.documents() == 0) return;
  counted_ += b.documents();
  if (pass.training) {
    // The decoder's gradient is overwritten, the others are added to.
    const Tensor decoder = params_.gradient(at_.decoder);
    const int64_t before = decoder.ptr<float>() - params_.gradients().ptr<float>();
    backend_.fill_zero(params_.gradients().data, size_t(before) * sizeof(float));
  }
  backend_.fill_zero(loss().data, sizeof(double));
  encode(pass);
  const Tensor theta = layout_.theta;
  linear_forward(backend_, {.x = params_.weight(at_.decoder), .w = theta, .y = layout_.reconstruction});
  if (visit) show(visit);
  add_likelihood(pass);
  if (visit) visit("log_likelihood", {b.documents()}, read_as_f32(backend_, layout_.log_likelihood));
  if (pass.training) backward(pass);
}

void VampireModel::show(const Visitor& visit) const {
  const auto matrix = [&](const char* name, const Tensor& t) {
    visit(name, {t.rows, t.cols}, read_as_f32(backend_, t));
  };
  const Layout& l = layout_;
  matrix("encoder_layer_0", l.h0);
  matrix("encoder_layer_1", l.h1);
  matrix("mean", l.mean);
  matrix("log_variance", l.log_variance);
  matrix("sigma", l.sigma);
  matrix("z", l.z);
  matrix("theta", l.theta);
  visit("negative_kld", {l.negative_kld.cols}, read_as_f32(backend_, l.negative_kld));
  // Its rows have gaps.
  std::vector<float> values, row(size_t(l.reconstruction.cols));
  for (int64_t w = 0; w < l.reconstruction.rows; ++w) {
    backend_.copy_to_host(row.data(), l.reconstruction.row<float>(w), row.size() * sizeof(float));
    values.insert(values.end(), row.begin(), row.end());
  }
  visit("reconstruction", {l.reconstruction.rows, l.reconstruction.cols}, std::move(values));
}

void VampireModel::trace(const VampireBatch& b, const std::optional<VampireDraws>& draws, float kl_weight,
                         const Visitor& visit) {
  run(b, draws.value_or(VampireDraws{}), {.training = draws.has_value(), .traced = true, .kl_weight = kl_weight},
      visit);
}

}  // namespace encore
