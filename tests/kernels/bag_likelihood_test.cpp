#include "kernels/ops/bag_likelihood.h"

#include "tests/support/bags.h"
#include "tests/support/op_test.h"
#include "tests/support/random_shapes.h"

namespace encore::test {
namespace {

struct Case {
  int64_t documents, words;
  bool training = true;
  double share = 0.1;
  double deviation = 1;  // of the reconstruction
  int64_t gap = 0;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.documents << " documents, " << c.words << " words" << (c.training ? "" : ", evaluation") << ", share "
             << c.share << ", deviation " << c.deviation << ", gap " << c.gap;
}

constexpr float kScale = -0.2f;

class BagLikelihoodBase : public BagTest {
 protected:
  struct Call {
    GuardedTensor *x, *mean, *variance, *likelihood, *dbias, *sum, *loss;
    BagLikelihood args;
  };
  Call call_of(const reference::LikelihoodInput& in, const HostBags& bags, int64_t gap = 0) {
    const int64_t w = in.words, r = in.documents;
    GuardedTensor& x = make(DType::kF32, w, r, gap);
    x.set(in.reconstruction);
    Call c{.x = &x,
           .mean = &given(DType::kF32, 1, w, in.running_mean),
           .variance = &given(DType::kF32, 1, w, in.running_variance),
           .likelihood = &blank(DType::kF32, 1, r),
           .dbias = &given(DType::kF32, 1, w, Values(size_t(w), 0.5)),
           .sum = &given(DType::kF64, 1, 1, {10}),
           .loss = &given(DType::kF64, 1, 1, {0})};
    c.args = {.reconstruction = x,
              .background = given(DType::kF32, 1, w, in.background),
              .bias = given(DType::kF32, 1, w, in.bias),
              .running_mean = *c.mean,
              .running_variance = *c.variance,
              .bags = upload(bags),
              .log_likelihood = *c.likelihood,
              .likelihood = {.sum = *c.sum, .loss = *c.loss, .scale = float(in.scale)},
              .training = in.training};
    if (in.training) c.args.by_word = upload_by_word(bags), c.args.dbias = *c.dbias;
    return c;
  }
  Values random_values(size_t n, double deviation, double mean = 0) {
    std::normal_distribution<double> d(mean, deviation);
    Values v(n);
    for (double& x : v) x = double(float(d(random_)));
    return v;
  }
  reference::LikelihoodInput input(const Case& c, const HostBags& bags) {
    const size_t w = size_t(c.words);
    reference::LikelihoodInput in{.words = c.words, .documents = c.documents};
    in.reconstruction = random_values(w * size_t(c.documents), c.deviation, 0.3);
    in.background = random_values(w, 2, -3), in.bias = random_values(w, 0.5), in.running_mean = random_values(w, 1, -3);
    in.running_variance = random_values(w, 0.1, 1);
    in.entries = bags.entries, in.scale = double(kScale), in.training = c.training;
    return in;
  }
};

class BagLikelihoodTest : public BagLikelihoodBase, public ::testing::WithParamInterface<Case> {};

TEST_P(BagLikelihoodTest, MatchesTheLoops) {
  const Case c = GetParam();
  const HostBags bags = random_bags(random_, c.documents, c.words, c.share);
  const reference::LikelihoodInput in = input(c, bags);
  const Call call = call_of(in, bags, c.gap);
  bag_likelihood(backend(), call.args);
  const auto exact = reference::bag_likelihood<double>(in), plain = reference::bag_likelihood<float>(in);
  const Values likelihood = call.likelihood->get();
  expect_close("log_likelihood", likelihood, exact.log_likelihood, plain.log_likelihood, DType::kF32);
  double total = 0;
  for (const double v : likelihood) total += v;
  EXPECT_NEAR(call.sum->get()[0], 10 + total, 1e-9 + 1e-12 * std::abs(total));
  EXPECT_NEAR(call.loss->get()[0], double(kScale) * total, 1e-9 + 1e-12 * std::abs(total));
  if (!c.training) {
    expect_same("reconstruction", call.x->get(), in.reconstruction);
    expect_same("running mean", call.mean->get(), in.running_mean);
    return;
  }
  // With one word its entry and its softmax cancel; an entry's value is 3 at most.
  const double entry = 3 * std::abs(double(kScale));
  expect_close("gradient", call.x->get(), exact.gradient, plain.gradient, DType::kF32, 1e-6, entry);
  const Values half(size_t(c.words), 0.5);
  expect_close("dbias", call.dbias->get(), sum_of(exact.dbias, half), sum_of(plain.dbias, half), DType::kF32);
  expect_close("running mean", call.mean->get(), exact.running_mean, plain.running_mean, DType::kF32);
  expect_close("running variance", call.variance->get(), exact.running_variance, plain.running_variance, DType::kF32);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const int64_t documents : {2, 3, 15, 16, 17, 64, 65, 513}) all.push_back({documents, 131});
  for (const bool training : {true, false}) {
    all.push_back({5, 1, training, 1});
    all.push_back({7, 63, training});
    all.push_back({33, 64, training});
    all.push_back({20, 1003, training, 0.02, 5, 3});
    all.push_back({12, 300, training, 0});
    all.push_back({12, 300, training, 1});
    all.push_back({9, 200, training, 0.1, 1e-3});  // the variance is far below epsilon
    all.push_back({600, 70, training});
  }
  all.push_back({0, 5, false});
  all.push_back({1, 50, false});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Shapes, BagLikelihoodTest, ::testing::ValuesIn(cases()));
INSTANTIATE_TEST_SUITE_P(
    Random, BagLikelihoodTest, ::testing::ValuesIn(RandomShapes::cases(34, [](RandomShapes& r) {
      const int64_t documents = r.rows() + 1;
      return Case{documents, r.between(1, 400), r.between(0, 3) > 0, r.between(0, 30) * 0.01, r.coin() ? 3.0 : 0.5,
                  r.gap()};
    })));

class BagLikelihoodFacts : public BagLikelihoodBase {};

// All documents consist of the one word that has all the weight: probability 1, and no gradient.
TEST_F(BagLikelihoodFacts, SureOfTheOnlyWord) {
  reference::LikelihoodInput in{.words = 30, .documents = 4};
  in.reconstruction = Values(120, 0), in.background = Values(30, 0), in.bias = Values(30, 0);
  in.running_mean = Values(30, 0), in.running_variance = Values(30, 1), in.scale = 1;
  in.bias[7] = 90;
  const HostBags bags = bags_of({{0, 7, 5}, {1, 7, 2}, {2, 7, 1}, {3, 7, 3}}, 4, 30);
  const Call call = call_of(in, bags);
  bag_likelihood(backend(), call.args);
  expect_same("log_likelihood", call.likelihood->get(), Values(4, 0));
  EXPECT_LT(largest(call.x->get()), 1e-30);
}

TEST_F(BagLikelihoodFacts, BackwardIsTheSlopeOfTheForward) {
  const Case c{.documents = 5, .words = 9, .share = 0.4};
  const HostBags bags = random_bags(random_, c.documents, c.words, c.share);
  reference::LikelihoodInput in = input(c, bags);
  const Call call = call_of(in, bags);
  bag_likelihood(backend(), call.args);
  const auto loss = [&](const reference::LikelihoodInput& at) {
    double sum = 0;
    for (const double v : reference::bag_likelihood<double>(at).log_likelihood) sum += v;
    return double(kScale) * sum;
  };
  const Values dx = finite_differences(in.reconstruction, [&](const Values& at) {
    reference::LikelihoodInput moved = in;
    moved.reconstruction = at;
    return loss(moved);
  });
  Values dbias = finite_differences(in.bias, [&](const Values& at) {
    reference::LikelihoodInput moved = in;
    moved.bias = at;
    return loss(moved);
  });
  for (double& d : dbias) d += 0.5;
  EXPECT_LT(worst_difference(call.x->get(), dx), 1e-6);
  EXPECT_LT(worst_difference(call.dbias->get(), dbias), 1e-6);
}

// Batch norm takes the background away again in training: of all results only the running mean sees it.
TEST_F(BagLikelihoodFacts, AShiftedBackgroundChangesNothingInTraining) {
  const HostBags bags = random_bags(random_, 20, 150, 0.1);
  for (const bool training : {true, false}) {
    reference::LikelihoodInput in = input({20, 150, training}, bags);
    const Call before = call_of(in, bags);
    for (size_t w = 0; w < in.background.size(); ++w) in.background[w] += double(w % 7);
    const Call after = call_of(in, bags);
    bag_likelihood(backend(), before.args);
    bag_likelihood(backend(), after.args);
    const double moved = worst_difference(before.likelihood->get(), after.likelihood->get());
    EXPECT_EQ(worst_difference(before.variance->get(), after.variance->get()), 0);
    if (training) {
      EXPECT_EQ(moved, 0);
      EXPECT_EQ(worst_difference(before.x->get(), after.x->get()), 0);
      EXPECT_GT(worst_difference(before.mean->get(), after.mean->get()), 1e-3);
    } else {
      EXPECT_GT(moved, 1e-2);
    }
  }
}

TEST_F(BagLikelihoodFacts, SameBitsForAnyNumberOfThreads) {
  const HostBags bags = random_bags(random_, 100, 900, 0.05);
  const reference::LikelihoodInput in = input({100, 900}, bags);
  Values first;
  for (const int threads : {1, 2, 3}) {
    const auto other = make_test_backend(threads);
    const Call call = call_of(in, bags);
    bag_likelihood(*other, call.args);
    Values all = call.x->get();
    for (GuardedTensor* t : {call.likelihood, call.dbias, call.mean, call.variance, call.sum}) {
      const Values v = t->get();
      all.insert(all.end(), v.begin(), v.end());
    }
    if (threads == 1) first = all;
    expect_same("all results", all, first);
  }
}

TEST_F(BagLikelihoodFacts, ANanOfAWordReachesEveryDocument) {
  const HostBags bags = random_bags(random_, 6, 70, 0.3);
  reference::LikelihoodInput in = input({6, 70}, bags);
  in.reconstruction[size_t(40 * 6 + 2)] = NAN;
  const Call call = call_of(in, bags);
  bag_likelihood(backend(), call.args);
  const Values likelihood = call.likelihood->get();
  for (int64_t r = 0; r < 6; ++r)
    if (bags.row_start[size_t(r)] < bags.row_start[size_t(r + 1)]) {
      EXPECT_TRUE(std::isnan(likelihood[size_t(r)])) << r;
    }
}

TEST_F(BagLikelihoodFacts, RefusesOneDocumentInTraining) {
  const HostBags bags = random_bags(random_, 1, 20, 0.3);
  const Call call = call_of(input({1, 20}, bags), bags);
  EXPECT_NE(refusal([&] { bag_likelihood(backend(), call.args); }).find("at least 2 documents, not over 1"),
            std::string::npos);
}

}  // namespace
}  // namespace encore::test
