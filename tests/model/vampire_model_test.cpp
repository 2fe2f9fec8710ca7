// VAMPIRE's model apart from the pinned vectors (tests/methods/vampire_test.cpp): its folder, its memory, what it
// refuses, and facts that hold for any weights.
#include "model/vampire/vampire_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "kernels/backend_factory.h"
#include "kernels/base/atomic_file.h"
#include "kernels/forwarding_backend.h"
#include "model/safetensors.h"
#include "model/vampire/vampire_folder.h"
#include "optim/optimizer.h"

namespace encore::test {
namespace {

constexpr VampireConfig kConfig{.vocabulary = 90, .hidden = 12, .latent = 12};

VampireBatch random_batch(int64_t documents, uint64_t seed, int64_t words = kConfig.vocabulary) {
  std::mt19937_64 random(seed);
  VampireBatch batch;
  for (int64_t r = 0; r < documents; ++r) {
    std::vector<int32_t> column;
    std::vector<float> value;
    for (int32_t w = 1; w < words; ++w)
      if (random() % 8 == 0) column.push_back(w), value.push_back(float(1 + random() % 3));
    batch.add(column, value, uint64_t(r) + seed * 100);
  }
  return batch;
}

std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.exit_code(), 2);
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
    return e.what();
  }
  return "";
}

class VampireModelTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "vampire_model_test_" + std::to_string(::getpid());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<VampireModel> fresh(const VampireConfig& config = kConfig, Mode mode = Mode::kTraining) {
    auto model = std::make_unique<VampireModel>(config, *backend_, mode);
    model->initialise(3);
    std::vector<float> background(size_t(config.vocabulary));
    for (size_t w = 0; w < background.size(); ++w) background[w] = -float(w % 11);
    model->write(VampireBuffer::kBackground, background);
    model->reserve({.documents = 20, .entries = 2000}, mode);
    return model;
  }
  static void train(VampireModel& model, Optimizer& optimizer, int steps, int first = 0) {
    for (int s = first; s < first + steps; ++s) {
      model.forward_backward(random_batch(9, uint64_t(s)), 0.3f, 5);
      optimizer.step(1e-2, 1);
    }
  }
  static std::vector<float> everything(const VampireModel& model) {
    std::vector<float> all;
    const auto add = [&](const std::vector<float>& v) { all.insert(all.end(), v.begin(), v.end()); };
    for (size_t i = 0; i < model.params().parameters().size(); ++i) add(model.params().read(int(i)));
    for (const VampireBuffer b :
         {VampireBuffer::kRunningMean, VampireBuffer::kRunningVariance, VampireBuffer::kBackground})
      add(model.read(b));
    return all;
  }

  std::unique_ptr<Backend> backend_ = make_backend("cpu", 2);
  std::string folder_;
};

TEST_F(VampireModelTest, InitialisesAsPyTorchsLinear) {
  const auto model = fresh();
  const auto& params = model->params();
  for (const Parameter& p : params.parameters()) {
    const std::vector<float> v = params.read(params.find(p.name));
    if (p.name == "bow_bn.bias") {
      EXPECT_EQ(v, std::vector<float>(v.size()));
      continue;
    }
    const double fan_in = p.name.find("_layers.0.") != p.name.npos && p.name.find("encoder") != p.name.npos ? 90 : 12;
    double sum = 0, squares = 0, most = 0;
    for (const float x : v) sum += x, squares += double(x) * x, most = std::max(most, std::abs(double(x)));
    const double bound = 1 / std::sqrt(fan_in), n = double(v.size());
    EXPECT_LE(most, bound) << p.name;
    EXPECT_NEAR(sum / n, 0, 4 * bound / std::sqrt(3 * n)) << p.name;
    EXPECT_NEAR(squares / n, bound * bound / 3, 4 * bound * bound * std::sqrt(4.0 / 45 / n)) << p.name;
  }
  EXPECT_EQ(model->read(VampireBuffer::kRunningVariance), std::vector<float>(90, 1.f));
  EXPECT_EQ(everything(*model), everything(*fresh()));
}

// Loss of the same batch with one element moved: the gradient, through every layer.
TEST_F(VampireModelTest, TheGradientIsTheSlopeOfTheLoss) {
  for (const VampireActivation activation : {VampireActivation::kNone, VampireActivation::kRelu}) {
    VampireConfig config = kConfig;
    config.activation = activation;
    const auto model = fresh(config);
    const VampireBatch batch = random_batch(9, 1);
    const auto loss = [&] {
      model->forward_backward(batch, 0.7f, 5);
      double value = 0;
      backend_->copy_to_host(&value, model->loss().data, sizeof value);
      return value;
    };
    loss();
    ParamStore& params = model->params();
    for (size_t i = 0; i < params.parameters().size(); ++i) {
      const std::vector<float> gradient = params.read_gradient(int(i));
      std::vector<float> values = params.read(int(i));
      const size_t at = size_t(std::max_element(gradient.begin(), gradient.end(),
                                                [](float a, float b) { return std::abs(a) < std::abs(b); }) -
                               gradient.begin());
      const float before = values[at], step = 1e-2f;
      const auto moved = [&](float by) {
        values[at] = before + by;
        params.write(int(i), values.data());
        return loss();
      };
      const double up = moved(step), down = moved(-step);
      values[at] = before;
      params.write(int(i), values.data());
      EXPECT_NEAR((up - down) / (2 * double(step)), gradient[at], 1e-3 + 0.02 * std::abs(gradient[at]))
          << params.parameters()[i].name << " " << at;
    }
  }
}

TEST_F(VampireModelTest, GradientsAreThoseOfTheLastBatchAlone) {
  const auto model = fresh(), other = fresh();
  model->forward_backward(random_batch(7, 1), 1, 5);
  model->forward_backward(random_batch(9, 2), 1, 5);
  other->forward_backward(random_batch(9, 2), 1, 5);
  for (size_t i = 0; i < model->params().parameters().size(); ++i)
    EXPECT_EQ(model->params().read_gradient(int(i)), other->params().read_gradient(int(i)))
        << model->params().parameters()[i].name;
}

TEST_F(VampireModelTest, TrainsToTheSameBitsWithAnyNumberOfThreads) {
  std::vector<float> first;
  for (const int threads : {1, 2, 3}) {
    backend_ = make_backend("cpu", threads);
    const auto model = fresh();
    {
      Optimizer optimizer(model->params(), {.clip = 0});
      train(*model, optimizer, 5);
    }
    if (threads == 1) first = everything(*model);
    EXPECT_EQ(everything(*model), first) << threads;
  }
}

TEST_F(VampireModelTest, LearnsAndEvaluationIsDeterministic) {
  const auto model = fresh();
  const VampireBatch held = random_batch(15, 77);
  const auto loss = [&] {
    model->evaluate(held);
    const VampireTotals t = model->take_totals();
    EXPECT_EQ(t.documents, 15);
    return -(t.negative_kld + t.log_likelihood) / double(t.documents);
  };
  const double before = loss();
  EXPECT_EQ(loss(), before);
  Optimizer optimizer(model->params(), {.clip = 0});
  train(*model, optimizer, 200);
  model->take_totals();
  EXPECT_LT(loss(), before);
  // Batches between two evaluations change theta, which products keep in packed form.
  const double after = loss();
  model->evaluate(random_batch(15, 78));
  model->evaluate(random_batch(15, 79));
  model->take_totals();
  EXPECT_EQ(loss(), after);
}

TEST_F(VampireModelTest, TheFolderKeepsEveryBit) {
  VampireConfig config = kConfig;
  config.hidden = 9;
  config.activation = VampireActivation::kRelu;
  config.kl_clamp = 1000;
  const auto model = fresh(config);
  Optimizer optimizer(model->params(), {.clip = 0});
  train(*model, optimizer, 3);
  save_vampire(folder_, *model);
  const VampireConfig read = read_vampire_config(folder_);
  EXPECT_EQ(to_json(read), to_json(config));
  VampireModel loaded(read, *backend_, Mode::kInference);
  load_vampire(folder_, loaded);
  EXPECT_EQ(everything(loaded), everything(*model));
  const auto file = open_safetensors_file(folder_ + "/model.safetensors");
  EXPECT_EQ(file->tensors().at("vae.encoder._linear_layers.0.weight").shape, (std::vector<int64_t>{9, 90}));
  EXPECT_EQ(to_f32(file->tensors().at("bow_bn.weight"), ""), std::vector<float>(90, 1.f));
}

TEST_F(VampireModelTest, ADamagedFolderIsRefused) {
  const auto model = fresh();
  save_vampire(folder_, *model);
  const std::string weights = folder_ + "/model.safetensors", config = folder_ + "/config.json";
  const auto load = [&] {
    return refusal([&] {
      VampireModel other(read_vampire_config(folder_), *backend_, Mode::kInference);
      load_vampire(folder_, other);
    });
  };
  EXPECT_EQ(load(), "");
  std::fstream(weights, std::ios::in | std::ios::out | std::ios::binary).seekp(-7, std::ios::end) << 'x';
  EXPECT_NE(load().find("is damaged (checksum)"), std::string::npos) << load();
  VampireConfig wider = kConfig;
  wider.latent = 13;
  wider.hidden = 13;
  save_vampire(folder_, *fresh(wider));
  write_file_atomic(config, "{\"model_type\": \"vampire\"}");
  EXPECT_NE(load().find("vocabulary is missing"), std::string::npos) << load();
  nlohmann::ordered_json narrow{{"model_type", "vampire"}};
  narrow.update(to_json(kConfig));
  write_file_atomic(config, narrow.dump());
  EXPECT_NE(load().find("tensor vae.encoder._linear_layers.0.weight is [13, 90], not [12, 90]"), std::string::npos)
      << load();
  narrow["z_dropout"] = 1;
  write_file_atomic(config, narrow.dump());
  EXPECT_NE(load().find("z_dropout is 1"), std::string::npos) << load();
  narrow["encoder_activation"] = "tanh";
  write_file_atomic(config, narrow.dump());
  EXPECT_NE(load().find("encoder_activation is \"tanh\": none or relu"), std::string::npos) << load();
  write_file_atomic(config, "{\"model_type\": \"roberta\"}");
  EXPECT_NE(load().find("a VAMPIRE model is expected"), std::string::npos) << load();
}

TEST_F(VampireModelTest, RefusesBatchesThatItCannotServe) {
  const auto model = fresh();
  const auto trained = [&](const VampireBatch& b) { return refusal([&] { model->forward_backward(b, 1, 0); }); };
  EXPECT_NE(trained(random_batch(1, 1)).find("a training batch of 1 documents"), std::string::npos);
  EXPECT_NE(trained(random_batch(21, 1)).find("exceeds the memory planned for 20 and 2000"), std::string::npos);
  const auto changed = [&](auto change) {
    VampireBatch b = random_batch(3, 1);
    change(b);
    return trained(b);
  };
  EXPECT_NE(changed([](auto& b) { b.column[0] = 0; }).find("document 0 has word 0"), std::string::npos);
  EXPECT_NE(changed([](auto& b) { b.column.back() = 90; }).find("words rise from 1 to 89"), std::string::npos);
  EXPECT_NE(changed([](auto& b) { b.column[1] = b.column[0]; }).find("words rise"), std::string::npos);
  EXPECT_NE(changed([](auto& b) { b.value[2] = NAN; }).find("document 0 has nan of word"), std::string::npos);
  EXPECT_NE(changed([](auto& b) { b.value.pop_back(); }).find("value has"), std::string::npos);
  EXPECT_NE(changed([](auto& b) { b.document_keys.pop_back(); }).find("document_keys has 2"), std::string::npos);
  EXPECT_EQ(trained(random_batch(2, 1)), "");
  VampireConfig uneven = kConfig;
  uneven.hidden = 5;
  const auto other = fresh(uneven);
  EXPECT_NE(refusal([&] { other->embedding_size(VampireEmbedding::kMix); }).find("layers of 5 and 12 units"),
            std::string::npos);
  EXPECT_EQ(other->embedding_size(VampireEmbedding::kH1), 5);
  EXPECT_NE(refusal([&] { VampireModel({.vocabulary = 1}, *backend_, Mode::kInference); }).find("vocabulary is 1"),
            std::string::npos);
}

// No word: the embedding of the biases, the same for every such document, whatever else is in the batch.
TEST_F(VampireModelTest, ADocumentWithoutAWordHasTheEmbeddingOfTheBiases) {
  const auto model = fresh();
  VampireBatch batch = random_batch(3, 4);
  batch.add({}, {}, 1);
  batch.add({}, {}, 2);
  std::vector<float> all, alone;
  model->embed(batch, VampireEmbedding::kMix, all);
  VampireBatch empty;
  empty.add({}, {}, 9);
  model->embed(empty, VampireEmbedding::kMix, alone);
  ASSERT_EQ(all.size(), size_t(5 * 12));
  EXPECT_EQ(std::vector<float>(all.begin() + 36, all.begin() + 48), alone);
  EXPECT_EQ(std::vector<float>(all.begin() + 48, all.end()), alone);
  EXPECT_GT(std::abs(alone[0]), 0);
  model->embed({}, VampireEmbedding::kMix, all);
  EXPECT_TRUE(all.empty());
}

// What reserve() and the constructor allocate is what plan() said.
TEST_F(VampireModelTest, ThePlanIsWhatIsAllocated) {
  ForwardingBackend counted(*backend_, [](const char*, const ForwardingBackend::Call& call) { call(); });
  const VampireCapacity capacity{.documents = 33, .entries = 700};
  for (const Mode mode : {Mode::kTraining, Mode::kInference}) {
    size_t allocated = 0;
    {
      VampireModel model(kConfig, counted, mode);
      model.reserve(capacity, mode);
      allocated = counted.live_bytes();
    }
    EXPECT_EQ(counted.live_bytes(), 0u);
    VampireModel outline(kConfig, counted, mode, false);
    EXPECT_EQ(counted.live_bytes(), 0u);
    const size_t planned = outline.plan(capacity, mode).total();
    EXPECT_LE(planned, allocated);
    EXPECT_LE(allocated - planned, 64u) << "three totals";
  }
}

}  // namespace
}  // namespace encore::test
