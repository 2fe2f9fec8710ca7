#include "kernels/cuda/launching.h"
#include "kernels/cuda/logistic_normal.cuh"

namespace encore {
namespace {

cuda::LatentDrawsArgs draws_of(const LogisticNormalForward& a) {
  const LatentDraws& d = a.draws;
  return {.sample = a.sample,
          .seed = d.seed,
          .keys = d.document_keys.ptr<uint64_t>(),
          .noise = cuda::rows_of<const float>(d.noise),
          .keep = cuda::rows_of<const float>(d.keep),
          .threshold = row_dropout_threshold(d.dropout),
          .scale = d.keep ? float(1.0 / (1.0 - double(d.dropout))) : row_dropout_scale(d.dropout)};
}

cuda::LogisticNormalArgs arguments(const LogisticNormalForward& a) {
  return {.mean = cuda::rows_of<const float>(a.mean),
          .log_variance = cuda::rows_of<const float>(a.log_variance),
          .theta = cuda::rows_of<float>(a.theta),
          .sigma = cuda::rows_of<float>(a.sigma),
          .z = cuda::rows_of<float>(a.z),
          .negative_kld = a.negative_kld.ptr<float>(),
          .documents = a.mean.rows,
          .latent = a.mean.cols,
          .largest_sigma = kLargestSigma,
          .clamp = a.kl_clamp > 0 ? a.kl_clamp : HUGE_VALF,
          .draws = draws_of(a)};
}

LaunchShape shape_of(int64_t documents) {
  return {cuda::grid_size(cuda::div_up(documents, cuda::kLatentWarps)), cuda::kLatentThreads};
}

}  // namespace

void CudaBackend::logistic_normal_forward(const LogisticNormalForward& a) {
  constexpr const char* op = "logistic_normal_forward";
  check_cuda(launch(stream_, shape_of(a.mean.rows), cuda::logistic_normal_forward_kernel, arguments(a)), op);
  add_term(op, a.kld, a.negative_kld);
}

void CudaBackend::logistic_normal_backward(const LogisticNormalBackward& a) {
  const cuda::LogisticNormalGradient gradient{.dtheta = cuda::rows_of<const float>(a.dtheta),
                                              .dmean = cuda::rows_of<float>(a.dmean),
                                              .dlog_variance = cuda::rows_of<float>(a.dlog_variance),
                                              .scale = a.forward.kld.scale};
  check_cuda(
      launch(stream_, shape_of(a.dtheta.rows), cuda::logistic_normal_backward_kernel, arguments(a.forward), gradient),
      "logistic_normal_backward");
}

}  // namespace encore
