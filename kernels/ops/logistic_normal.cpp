#include "kernels/ops/logistic_normal.h"

#include "kernels/backend.h"
#include "kernels/ops/arguments.h"

namespace encore {
namespace {

void check_draws(const Arguments& args, const LatentDraws& d, int64_t documents, int64_t latent) {
  check(d.dropout >= 0 && d.dropout < 1, "{}: dropout is {}, not in [0, 1)", args.op(), d.dropout);
  check(row_dropout_threshold(d.dropout) < 65536, "{}: dropout {} drops every element", args.op(), d.dropout);
  check(latent <= 8 * 4096, "{}: {} latent variables are more than the 32768 that draws are keyed for", args.op(),
        latent);
  args.optional(d.noise, "noise", DType::kF32, documents, latent);
  args.optional(d.keep, "keep", DType::kF32, documents, latent);
  if (!d.noise || (d.dropout > 0 && !d.keep)) args.require(d.document_keys, "document_keys", DType::kU64, 1, documents);
}

void check_inputs(const Arguments& args, const LogisticNormalForward& a) {
  const int64_t documents = a.mean.rows, latent = a.mean.cols;
  args.require(a.mean, "mean", DType::kF32, -1, -1);
  args.require(a.log_variance, "log_variance", DType::kF32, documents, latent);
  args.require(a.theta, "theta", DType::kF32, documents, latent);
  check(a.kl_clamp >= 0, "{}: kl_clamp is {}, not 0 or above", args.op(), a.kl_clamp);
  check(documents == 0 || latent > 0, "{}: mean {} has no latent variable", args.op(), a.mean.str());
  if (a.sample) check_draws(args, a.draws, documents, latent);
}

}  // namespace

void logistic_normal_forward(Backend& backend, const LogisticNormalForward& a) {
  const Arguments args("logistic_normal_forward");
  check_inputs(args, a);
  args.require(a.negative_kld, "negative_kld", DType::kF32, 1, a.mean.rows);
  args.optional(a.sigma, "sigma", DType::kF32, a.mean.rows, a.mean.cols);
  args.optional(a.z, "z", DType::kF32, a.mean.rows, a.mean.cols);
  check_shapes(args, a.kld);
  args.apart(a.theta, "theta", a.mean, "mean");
  args.apart(a.theta, "theta", a.log_variance, "log_variance");
  if (a.mean.rows == 0) return;
  backend.logistic_normal_forward(a);
}

void logistic_normal_backward(Backend& backend, const LogisticNormalBackward& a) {
  const Arguments args("logistic_normal_backward");
  const int64_t documents = a.forward.mean.rows, latent = a.forward.mean.cols;
  check(a.forward.sample, "{}: evaluation has no backward pass", args.op());
  check_inputs(args, a.forward);
  args.require(a.dtheta, "dtheta", DType::kF32, documents, latent);
  args.require(a.dmean, "dmean", DType::kF32, documents, latent);
  args.require(a.dlog_variance, "dlog_variance", DType::kF32, documents, latent);
  args.same_or_apart(a.dmean, "dmean", a.dtheta, "dtheta");
  args.apart(a.dlog_variance, "dlog_variance", a.dtheta, "dtheta");
  args.apart(a.dlog_variance, "dlog_variance", a.dmean, "dmean");
  if (documents == 0) return;
  backend.logistic_normal_backward(a);
}

}  // namespace encore
