#include "kernels/ops/logistic_normal.h"

#include "tests/reference/vampire_reference.h"
#include "tests/support/op_test.h"
#include "tests/support/random_shapes.h"

namespace encore::test {
namespace {

struct Case {
  int64_t documents, latent;
  float dropout = 0.49f;
  float clamp = 0;
  bool given = false;  // noise and keep
  bool sample = true;
  double mean = 0;  // of the log variance
  int64_t gap = 0;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << "[" << c.documents << ", " << c.latent << "] dropout " << c.dropout << " clamp " << c.clamp
             << (c.given ? " given" : "") << (c.sample ? "" : " evaluation") << " log variance " << c.mean << " gap "
             << c.gap;
}

constexpr uint64_t kSeed = 0x123456789abcdef0u;
constexpr float kScale = -0.3f;

class LogisticNormalTest : public OpTest, public ::testing::WithParamInterface<Case> {
 protected:
  void build(const Case& c) {
    const int64_t n = c.documents, k = c.latent;
    Values keys, sequence, position(size_t(n), 0);
    for (int64_t r = 0; r < n; ++r)
      keys.push_back(double(example_key(2, uint64_t(7 * r)))), sequence.push_back(double(r));
    args_ = {.mean = normal(DType::kF32, n, k, 1, 0, c.gap),
             .log_variance = normal(DType::kF32, n, k, 1.5, c.mean, c.gap),
             .theta = blank(DType::kF32, n, k, c.gap),
             .negative_kld = blank(DType::kF32, 1, n),
             .sigma = blank(DType::kF32, n, k),
             .z = blank(DType::kF32, n, k, 1),
             .sample = c.sample,
             .kl_clamp = c.clamp,
             .draws = {.dropout = c.dropout, .seed = kSeed}};
    noise_ = reference::latent_noise(kSeed, keys, k);
    factor_ = reference::row_dropout(c.dropout, kSeed, 8u << 16, sequence, position, keys, n, k);
    if (c.given) {
      GuardedTensor& noise = normal(DType::kF32, n, k, 1, 0, c.gap);
      Values keep(size_t(n * k));
      for (size_t i = 0; i < keep.size(); ++i) keep[i] = i / size_t(k) % 3 == 2 ? 0 : double(i % 3 > 0);
      noise_ = noise.get();
      args_.draws.noise = noise;
      args_.draws.keep = OpTest::given(DType::kF32, n, k, keep);
      for (size_t i = 0; i < keep.size(); ++i) factor_[i] = keep[i] / (1 - double(c.dropout));
    } else {
      args_.draws.document_keys = OpTest::given(DType::kU64, 1, n, keys);
    }
    args_.kld.scale = kScale;
  }
  template <class Real>
  reference::LatentResult expected(const Case& c, const Values& dtheta) {
    return reference::logistic_normal<Real>(
        mean_, log_variance_, noise_, factor_, dtheta,
        {.documents = c.documents, .latent = c.latent, .clamp = c.clamp, .scale = kScale, .sample = c.sample});
  }
  static Values read(Backend& backend, const Tensor& t) {
    Values values;
    std::vector<float> row(size_t(t.cols));
    for (int64_t r = 0; r < t.rows; ++r) {
      backend.copy_to_host(row.data(), t.row<float>(r), row.size() * sizeof(float));
      values.insert(values.end(), row.begin(), row.end());
    }
    return values;
  }

  LogisticNormalForward args_;
  Values noise_, factor_, mean_, log_variance_;
};

TEST_P(LogisticNormalTest, Forward) {
  const Case c = GetParam();
  build(c);
  mean_ = read(backend(), args_.mean), log_variance_ = read(backend(), args_.log_variance);
  auto &sum = given(DType::kF64, 1, 1, {3}), &loss = given(DType::kF64, 1, 1, {-2});
  args_.kld = {.sum = sum, .loss = loss, .scale = kScale};
  logistic_normal_forward(backend(), args_);
  const auto exact = expected<double>(c, {}), plain = expected<float>(c, {});
  expect_close("sigma", read(backend(), args_.sigma), exact.sigma, plain.sigma, DType::kF32);
  expect_close("z", read(backend(), args_.z), exact.z, plain.z, DType::kF32);
  expect_close("theta", read(backend(), args_.theta), exact.theta, plain.theta, DType::kF32);
  const Values kld = read(backend(), args_.negative_kld);
  expect_close("negative_kld", kld, exact.negative_kld, plain.negative_kld, DType::kF32);
  double total = 0;
  for (const double v : kld) total += v;
  EXPECT_NEAR(sum.get()[0], 3 + total, 1e-12 * std::abs(total));
  EXPECT_NEAR(loss.get()[0], -2 + double(kScale) * total, 1e-12 * std::abs(total));
}

TEST_P(LogisticNormalTest, Backward) {
  const Case c = GetParam();
  if (!c.sample) GTEST_SKIP() << "evaluation has no backward pass";
  build(c);
  mean_ = read(backend(), args_.mean), log_variance_ = read(backend(), args_.log_variance);
  auto &dtheta = normal(DType::kF32, c.documents, c.latent, 1, 0, c.gap),
       &dmean = blank(DType::kF32, c.documents, c.latent, c.gap), &dlv = blank(DType::kF32, c.documents, c.latent, 2);
  const Values d = dtheta.get();
  logistic_normal_forward(backend(), args_);
  const LogisticNormalBackward back{.forward = args_, .dtheta = dtheta, .dmean = dmean, .dlog_variance = dlv};
  logistic_normal_backward(backend(), back);
  const auto exact = expected<double>(c, d), plain = expected<float>(c, d);
  // dtheta and its mean under theta may nearly cancel.
  expect_close("dmean", dmean.get(), exact.dmean, plain.dmean, DType::kF32, 3e-7, largest(d));
  expect_close("dlog_variance", dlv.get(), exact.dlog_variance, plain.dlog_variance, DType::kF32, 3e-7, largest(d));
  const Values got = dmean.get();
  LogisticNormalBackward in_place = back;
  in_place.dmean = dtheta;
  logistic_normal_backward(backend(), in_place);
  expect_same("dmean in place", dtheta.get(), got);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const int64_t latent : {1, 7, 8, 15, 16, 17, 33, 81, 200}) all.push_back({5, latent});
  all.push_back({0, 8});
  all.push_back({513, 81});
  all.push_back({6, 81, 0});
  all.push_back({7, 81, 0.49f, 0, true});
  all.push_back({7, 40, 0, 0.7f, true});
  all.push_back({9, 81, 0.3f, 1.5f, false, true, 0, 3});
  all.push_back({9, 81, 0.3f, 0, false, true, 4.5});  // sigma at its cap in about half of the elements
  all.push_back({9, 81, 0.3f, 0, false, true, -200});
  all.push_back({5, 81, 0.49f, 1, false, false});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, LogisticNormalTest, ::testing::ValuesIn(cases()));
INSTANTIATE_TEST_SUITE_P(Random, LogisticNormalTest, ::testing::ValuesIn(RandomShapes::cases(33, [](RandomShapes& r) {
                           return Case{.documents = r.rows(),
                                       .latent = r.columns(200),
                                       .dropout = r.coin() ? 0.49f : 0.f,
                                       .clamp = r.coin() ? 2.f : 0.f,
                                       .given = r.coin(),
                                       .sample = r.between(0, 3) > 0,
                                       .mean = r.coin() ? 3.0 : 0.0,
                                       .gap = r.gap()};
                         })));

class LogisticNormalFacts : public OpTest {
 protected:
  // Documents of 4 latent variables, with noise and keep given.
  LogisticNormalForward small(const Values& mean, const Values& log_variance, const Values& noise, const Values& keep) {
    const int64_t n = int64_t(mean.size()) / 4;
    LogisticNormalForward a{.mean = given(DType::kF32, n, 4, mean),
                            .log_variance = given(DType::kF32, n, 4, log_variance),
                            .theta = blank(DType::kF32, n, 4),
                            .negative_kld = blank(DType::kF32, 1, n),
                            .draws = {.dropout = 0.5f, .noise = given(DType::kF32, n, 4, noise)}};
    if (!keep.empty()) a.draws.keep = given(DType::kF32, n, 4, keep);
    return a;
  }
};

TEST_F(LogisticNormalFacts, AllDroppedIsUniformAndANanStaysOne) {
  auto& theta = blank(DType::kF32, 2, 4);
  auto& kld = blank(DType::kF32, 1, 2);
  LogisticNormalForward a = small({9, 1, -3, 2, NAN, 1, 1, 1}, Values(8, 0), Values(8, 0.5), {0, 0, 0, 0, 1, 1, 1, 1});
  a.theta = theta;
  a.negative_kld = kld;
  logistic_normal_forward(backend(), a);
  const Values got = theta.get();
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(got[i], 0.25);
    EXPECT_TRUE(std::isnan(got[4 + i]));
  }
  EXPECT_TRUE(std::isnan(kld.get()[1]));
}

// Against differences of the reference: the whole gradient, with the weight of the KL term.
TEST_F(LogisticNormalFacts, BackwardIsTheSlopeOfTheForward) {
  const Values mean{0.3, -1, 0.7, 2}, log_variance{-0.5, 0.2, 6, 1}, noise{0.4, -1.2, 0.1, 0.9}, keep{1, 1, 0, 1},
      weight{1, -2, 3, 0.5};
  LogisticNormalForward a = small(mean, log_variance, noise, keep);
  a.kld.scale = 0.7f;
  a.kl_clamp = 2.5f;  // the third and fourth KL terms lie beyond it
  auto &dmean = blank(DType::kF32, 1, 4), &dlv = blank(DType::kF32, 1, 4);
  logistic_normal_forward(backend(), a);
  logistic_normal_backward(
      backend(), {.forward = a, .dtheta = given(DType::kF32, 1, 4, weight), .dmean = dmean, .dlog_variance = dlv});
  Values factor = keep;
  for (double& f : factor) f *= 2;
  const auto loss = [&](const Values& m, const Values& lv) {
    const auto r =
        reference::logistic_normal<double>(m, lv, noise, factor, {}, {.documents = 1, .latent = 4, .clamp = 2.5});
    return dot(r.theta, weight) + double(0.7f) * r.negative_kld[0];
  };
  const Values of_mean = finite_differences(mean, [&](const Values& at) { return loss(at, log_variance); });
  const Values of_lv = finite_differences(log_variance, [&](const Values& at) { return loss(mean, at); });
  EXPECT_LT(worst_difference(dmean.get(), of_mean), 1e-6);
  EXPECT_LT(worst_difference(dlv.get(), of_lv), 1e-6);
  EXPECT_EQ(of_lv[2], 0) << "sigma is at its cap";
}

// Draws depend on the document's key, not on its place, and differ between documents and seeds.
TEST_F(LogisticNormalFacts, DrawsFollowTheDocument) {
  const int64_t k = 81;
  const auto theta_of = [&](const Values& keys, uint64_t seed) {
    const int64_t n = int64_t(keys.size());
    auto& theta = blank(DType::kF32, n, k);
    logistic_normal_forward(
        backend(), {.mean = given(DType::kF32, n, k, Values(size_t(n * k), 0)),
                    .log_variance = given(DType::kF32, n, k, Values(size_t(n * k), 0)),
                    .theta = theta,
                    .negative_kld = blank(DType::kF32, 1, n),
                    .draws = {.dropout = 0.49f, .seed = seed, .document_keys = given(DType::kU64, 1, n, keys)}});
    return theta.get();
  };
  const Values all = theta_of({5, 6, 7}, 1), alone = theta_of({6}, 1);
  expect_same("document 6", Values(all.begin() + k, all.begin() + 2 * k), alone);
  EXPECT_GT(worst_difference(theta_of({7}, 1), alone), 1e-3);
  EXPECT_GT(worst_difference(theta_of({6}, 2), alone), 1e-3);
}

// The noise is standard normal: 100,000 draws, four standard errors.
TEST_F(LogisticNormalFacts, NoiseIsStandardNormal) {
  constexpr int64_t kDocuments = 500, kLatent = 200;
  Values keys;
  for (int64_t r = 0; r < kDocuments; ++r) keys.push_back(double(r));
  auto& z = blank(DType::kF32, kDocuments, kLatent);
  const Values zeros(size_t(kDocuments * kLatent), 0);
  logistic_normal_forward(backend(), {.mean = given(DType::kF32, kDocuments, kLatent, zeros),
                                      .log_variance = given(DType::kF32, kDocuments, kLatent, zeros),
                                      .theta = blank(DType::kF32, kDocuments, kLatent),
                                      .negative_kld = blank(DType::kF32, 1, kDocuments),
                                      .z = z,
                                      .draws = {.seed = 9, .document_keys = given(DType::kU64, 1, kDocuments, keys)}});
  double sum = 0, squares = 0, fourth = 0;
  const Values got = z.get();
  for (const double v : got) sum += v, squares += v * v, fourth += v * v * v * v;
  const double n = double(got.size());
  EXPECT_NEAR(sum / n, 0, 4 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 4 * std::sqrt(2 / n));
  EXPECT_NEAR(fourth / n, 3, 4 * std::sqrt(96 / n));
}

}  // namespace
}  // namespace encore::test
