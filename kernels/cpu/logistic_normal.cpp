#include "kernels/ops/logistic_normal.h"

#include <cmath>

#include "kernels/cpu/bags.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/vec/logistic_normal.h"

namespace encore {
namespace {

// The noise and the dropout factors of document r, given or drawn. room: 2 stretches of `stride` floats.
struct RowDraws {
  const float *noise, *factor;  // factor null: no dropout
};

void draw_noise(const LatentDraws& d, uint64_t key, int64_t latent, float* noise) {
  for (int64_t c = 0; c < latent; c += 4) {
    const PhiloxDraw bits = draw(d.seed, key, draw_site(0, Site::kLatentNoise), uint32_t(c / 4));
    const NormalPair low = normal_pair(bits.word[0], bits.word[1]), high = normal_pair(bits.word[2], bits.word[3]);
    const float four[4] = {low.first, low.second, high.first, high.second};
    std::copy_n(four, std::min<int64_t>(4, latent - c), noise + c);
  }
}

void draw_factors(const LatentDraws& d, uint64_t key, int64_t latent, float* factor) {
  const uint32_t threshold = row_dropout_threshold(d.dropout);
  const float scale = row_dropout_scale(d.dropout);
  for (int64_t c = 0; c < latent; c += 8) {
    const PhiloxDraw bits = draw(d.seed, key, draw_site(0, Site::kLatentDropout), row_block(0, uint32_t(c / 8)));
    for (int64_t i = 0; i < std::min<int64_t>(8, latent - c); ++i)
      factor[c + i] = (bits.word[i / 2] >> (i % 2 * 16) & 0xffffu) >= threshold ? scale : 0.f;
  }
}

RowDraws draws_of(const LogisticNormalForward& a, int64_t r, float* room) {
  if (!a.sample) return {nullptr, nullptr};
  const LatentDraws& d = a.draws;
  const int64_t latent = a.mean.cols;
  const uint64_t key = d.document_keys ? d.document_keys.ptr<uint64_t>()[r] : 0;
  float* const factor = room + cpu::padded(latent);
  if (!d.noise) draw_noise(d, key, latent, room);
  if (d.keep) {
    const float scale = float(1.0 / (1.0 - double(d.dropout)));
    for (int64_t c = 0; c < latent; ++c) factor[c] = d.keep.row<float>(r)[c] * scale;
  } else if (d.dropout > 0) {
    draw_factors(d, key, latent, factor);
  }
  return {d.noise ? d.noise.row<float>(r) : room, d.keep || d.dropout > 0 ? factor : nullptr};
}

cpu::LatentRow row_of(const LogisticNormalForward& a, int64_t r, float* room) {
  const RowDraws draws = draws_of(a, r, room);
  return {.mean = a.mean.row<float>(r),
          .log_variance = a.log_variance.row<float>(r),
          .noise = draws.noise,
          .factor = draws.factor,
          .theta = a.theta.row<float>(r),
          .sigma = a.sigma ? a.sigma.row<float>(r) : nullptr,
          .z = a.z ? a.z.row<float>(r) : nullptr,
          .latent = a.mean.cols,
          .largest_sigma = kLargestSigma,
          .clamp = a.kl_clamp > 0 ? a.kl_clamp : HUGE_VALF};
}

}  // namespace

void CpuBackend::logistic_normal_forward(const LogisticNormalForward& a) {
  const int64_t room = 2 * cpu::padded(a.mean.cols);
  float* const rooms = scratch_of<float>(size_t(threads_ * room));
  cpu::parallel_rows(threads_, a.mean.rows, a.mean.cols, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t r = begin; r < end; ++r)
      a.negative_kld.ptr<float>()[r] = ENCORE_VEC_CALL(logistic_normal_forward)(row_of(a, r, rooms + thread * room));
  });
  cpu::add_term(a.kld, a.negative_kld);
}

void CpuBackend::logistic_normal_backward(const LogisticNormalBackward& a) {
  const int64_t latent = a.dtheta.cols, room = 2 * cpu::padded(latent);
  float* const rooms = scratch_of<float>(size_t(threads_ * room));
  cpu::parallel_rows(threads_, a.dtheta.rows, latent, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t r = begin; r < end; ++r) ENCORE_VEC_CALL(logistic_normal_backward)
    (row_of(a.forward, r, rooms + thread * room), {.dtheta = a.dtheta.row<float>(r),
                                                   .dmean = a.dmean.row<float>(r),
                                                   .dlog_variance = a.dlog_variance.row<float>(r),
                                                   .scale = a.forward.kld.scale});
  });
}

}  // namespace encore
