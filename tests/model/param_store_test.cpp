#include "model/param_store.h"

#include "tests/model/tiny_model.h"

namespace encore::test {
namespace {

void fill(ParamStore& store) {
  store.add({.name = "word", .shape = {5, 64}, .init = Init::kNormal, .decay = true, .padded_rows = 8, .zero_row = 1});
  store.add({.name = "gain", .shape = {3}, .init = Init::kOne});
  store.add({.name = "q", .shape = {64, 64}, .init = Init::kNormal, .decay = true});
  store.add({.name = "k", .shape = {64, 64}, .init = Init::kNormal, .decay = true, .joined = true});
  store.add({.name = "qb", .shape = {64}});
  store.add({.name = "kb", .shape = {64}, .joined = true});
}

TEST(ParamStore, LaysOutInOrderOnCacheLines) {
  ParamStore store;
  fill(store);
  const auto& p = store.parameters();
  EXPECT_EQ(p[0].offset, 0);
  EXPECT_EQ(p[0].extent, 8 * 64);
  EXPECT_EQ(p[0].size(), 5 * 64);
  EXPECT_EQ(p[1].offset, 8 * 64);
  EXPECT_EQ(p[2].offset, 9 * 64);
  EXPECT_EQ(p[3].offset, p[2].offset + 64 * 64);
  EXPECT_EQ(store.length() % 64, 0);
  EXPECT_EQ(store.find("kb"), 5);
  EXPECT_EQ(store.find("kbb"), -1);
  EXPECT_THROW(store.add({.name = "q", .shape = {1}}), Error);
  EXPECT_THROW(store.add({.name = "zero", .shape = {2, 64}, .zero_row = 2}), Error);
}

TEST(ParamStore, ViewsJoinAndPad) {
  ParamStore store;
  fill(store);
  store.allocate(backend(), DType::kBF16, true);
  EXPECT_EQ(store.weight(0).str(), "fp32 [8, 64]");
  EXPECT_EQ(store.compute(0).str(), "bf16 [8, 64]");
  EXPECT_EQ(store.gradient_joined(2, 2).str(), "fp32 [128, 64]");
  EXPECT_EQ(store.weight_joined(4, 2).str(), "fp32 [1, 128]");
  EXPECT_EQ(store.compute_joined(2, 2).data, store.compute(2).data);
  EXPECT_THROW(store.weight_joined(1, 2), Error) << "gain and q are apart";
  EXPECT_EQ(store.shadow().cols, store.length());
}

TEST(ParamStore, InitialisesFromSeedAndNameAlone) {
  ParamStore a, b;
  fill(a);
  b.add({.name = "k", .shape = {64, 64}, .init = Init::kNormal, .decay = true});
  a.allocate(backend(), DType::kF32, false);
  b.allocate(backend(), DType::kF32, false);
  a.initialise(11, 0.02f);
  b.initialise(11, 0.02f);
  const std::vector<float> k = a.read(3);
  EXPECT_EQ(k, b.read(0));
  EXPECT_NE(k, a.read(2));
  b.initialise(12, 0.02f);
  EXPECT_NE(k, b.read(0));

  double sum = 0, squares = 0, fourth = 0;
  for (const float x : k) {
    sum += x;
    squares += double(x) * x;
    fourth += std::pow(double(x), 4);
  }
  const double n = double(k.size()), variance = squares / n;
  EXPECT_NEAR(sum / n, 0, 5 * 0.02 / std::sqrt(n));
  EXPECT_NEAR(std::sqrt(variance), 0.02, 5 * 0.02 / std::sqrt(2 * n));
  EXPECT_NEAR(fourth / n / (variance * variance), 3, 5 * std::sqrt(24 / n)) << "a normal's kurtosis";

  EXPECT_EQ(a.read(1), std::vector<float>(3, 1.0f));
  EXPECT_EQ(a.read(4), std::vector<float>(64, 0.0f));
  const std::vector<float> word = a.read(0);
  EXPECT_EQ(std::vector<float>(word.begin() + 64, word.begin() + 128), std::vector<float>(64, 0.0f));
  EXPECT_NE(word[0], 0);
  std::vector<float> padded(8 * 64);
  backend().copy_to_host(padded.data(), a.weight(0).data, padded.size() * sizeof(float));
  for (size_t i = 5 * 64; i < padded.size(); ++i) EXPECT_EQ(padded[i], 0);
}

TEST(ParamStore, ShadowFollowsTheMaster) {
  ParamStore store;
  fill(store);
  store.allocate(backend(), DType::kBF16, false);
  store.initialise(3, 0.5f);
  store.weights_changed();
  const std::vector<float> master = store.read(2);
  std::vector<bf16> shadow(master.size());
  backend().copy_to_host(shadow.data(), store.compute(2).data, shadow.size() * sizeof(bf16));
  for (size_t i = 0; i < master.size(); ++i) EXPECT_EQ(shadow[i].bits, to_bf16(master[i]).bits);
}

TEST(ParamStore, DecayTakesMatricesAndEmbeddingsOnly) {
  const auto model = tiny_mlm();
  for (const Parameter& p : model->params().parameters())
    EXPECT_EQ(p.decay, !p.name.ends_with("bias") && p.name.find("LayerNorm") == std::string::npos &&
                           p.name.find("layer_norm") == std::string::npos)
        << p.name;
}

}  // namespace
}  // namespace encore::test
