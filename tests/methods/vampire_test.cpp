// VAMPIRE against the pinned vectors: every tensor of a pass, all gradients, and ten steps of Adam, on the CPU and
// through the CUDA kernels on the host executor.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "kernels/backend_factory.h"
#include "kernels/base/program_path.h"
#include "model/safetensors.h"
#include "model/vampire/vampire_folder.h"
#include "optim/optimizer.h"
#include "tests/methods/methods_folder.h"

namespace encore::test {
namespace {

using nlohmann::json;
using Tensors = std::map<std::string, std::vector<float>>;

json read_json(const std::string& path) {
  std::ifstream in(path);
  return json::parse(in);
}

Tensors read_tensors(const std::string& path) {
  Tensors all;
  const auto file = open_safetensors_file(path);
  for (const auto& [name, entry] : file->tensors())
    if (entry.dtype == "F32") all[name] = to_f32(entry, name);
  return all;
}

VampireBatch batch_of(std::span<const float> counts, int64_t words) {
  VampireBatch batch;
  for (size_t first = 0; first < counts.size(); first += size_t(words)) {
    std::vector<int32_t> column;
    std::vector<float> value;
    for (int64_t w = 0; w < words; ++w)
      if (const float v = counts[first + size_t(w)]; v != 0) column.push_back(int32_t(w)), value.push_back(v);
    batch.add(column, value, first);
  }
  return batch;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double difference = 0, whole = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double d = double(a[i]) - double(b[i]);
    difference += d * d;
    whole += double(b[i]) * double(b[i]);
  }
  return std::sqrt(difference) / std::max(std::sqrt(whole), 1e-300);
}

std::vector<float> transposed(const std::vector<float>& x, size_t rows, size_t cols) {
  std::vector<float> y(x.size());
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < cols; ++c) y[c * rows + r] = x[r * cols + c];
  return y;
}

class VampireVectors : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    folder_ = methods_folder("vampire");
    if (folder_.empty()) GTEST_SKIP() << kNoVectors;
    if (std::string(GetParam()) == "simt" && plugin_path("libencore_simt.so").empty())
      GTEST_SKIP() << "skipped: this build has no libencore_simt.so";
    backend_ = make_backend(GetParam(), 2);
    errors_ = read_json(folder_ + "/errors.json");
  }
  static VampireConfig config_of(const json& shape, const json& c) {
    VampireConfig config{.vocabulary = shape["vocabulary"], .hidden = shape["hidden"], .latent = shape["latent"]};
    if (c.value("activation", "none") == "relu") config.activation = VampireActivation::kRelu;
    config.z_dropout = c.value("drop", 0.f);
    if (c.contains("clamp") && !c["clamp"].is_null()) config.kl_clamp = c["clamp"];
    return config;
  }
  std::unique_ptr<VampireModel> model_of(const VampireConfig& config, const std::string& weights) {
    auto model = std::make_unique<VampireModel>(config, *backend_, Mode::kTraining);
    load_vampire_weights(weights, *model);
    return model;
  }
  // At most four times the error of PyTorch in single precision, or 2e-6.
  void expect_close(const std::string& where, const std::string& name, const std::vector<float>& got,
                    const std::vector<float>& expected) {
    const double allowed = std::max(2e-6, 4 * errors_.at(where).value(name, 0.0));
    EXPECT_LE(distance(got, expected), allowed) << where << " " << name;
    ++compared_;
  }
  static std::vector<float> gradient_of(const VampireModel& model, const std::string& name) {
    const int index = model.params().find(name);
    EXPECT_GE(index, 0) << name;
    const Parameter& p = model.params().parameters()[size_t(index)];
    const std::vector<float> g = model.params().read_gradient(index);
    return name.find("encoder._linear_layers.0.weight") == name.npos
               ? g
               : transposed(g, size_t(p.shape[0]), size_t(p.shape[1]));
  }
  // y after batch norm, from Wd theta: by the batch's statistics, or by the running ones.
  static std::vector<float> reconstructed(const std::vector<float>& r, const Tensors& weights, int64_t documents,
                                          bool training) {
    const auto &mean = weights.at("bow_bn.running_mean"), &variance = weights.at("bow_bn.running_var");
    std::vector<float> y(r.size());
    for (size_t w = 0, n = size_t(documents); w < mean.size(); ++w) {
      const double background = weights.at("_background_freq")[w];
      double m = mean[w], v = variance[w];
      if (training) {
        m = v = 0;
        for (size_t d = 0; d < n; ++d) m += (r[w * n + d] + background) / double(n);
        for (size_t d = 0; d < n; ++d) v += std::pow(r[w * n + d] + background - m, 2) / double(n);
      }
      for (size_t d = 0; d < n; ++d)
        y[d * mean.size() + w] =
            float((r[w * n + d] + background - m) / std::sqrt(v + 1e-3) + weights.at("bow_bn.bias")[w]);
    }
    return y;
  }
  void run_case(const std::string& part, const std::string& name, const json& shape, const json& c);
  void expect_embeddings(VampireModel&, const VampireBatch&, const std::string& where, const Tensors& expected);

  std::string folder_;
  std::unique_ptr<Backend> backend_;
  json errors_;
  int compared_ = 0;
};

void VampireVectors::expect_embeddings(VampireModel& model, const VampireBatch& batch, const std::string& where,
                                       const Tensors& expected) {
  const std::pair<const char*, VampireEmbedding> all[] = {{"embedding.dsp", VampireEmbedding::kDsp},
                                                          {"embedding.mix", VampireEmbedding::kMix},
                                                          {"theta", VampireEmbedding::kTheta},
                                                          {"encoder_layer_1", VampireEmbedding::kH1}};
  for (const auto& [name, which] : all) {
    if (!expected.contains(name)) continue;
    std::vector<float> out, again;
    model.embed(batch, which, out);
    model.embed(batch, which, again);
    expect_close(where, name, out, expected.at(name));
    EXPECT_EQ(out, again) << name;
  }
}

void VampireVectors::run_case(const std::string& part, const std::string& name, const json& shape, const json& c) {
  const std::string where = part + "/" + name, dir = folder_ + "/" + part;
  const bool training = c.value("train", true);
  const Tensors inputs = read_tensors(dir + "/inputs.safetensors"),
                expected = read_tensors(dir + "/" + name + ".safetensors"),
                weights = read_tensors(dir + "/weights.safetensors");
  const auto model = model_of(config_of(shape, c), dir + "/weights.safetensors");
  const VampireBatch batch = batch_of(inputs.at("counts"), shape["vocabulary"]);
  model->reserve({.documents = batch.documents(), .entries = batch.entries()}, Mode::kTraining);
  std::optional<VampireDraws> draws;
  if (training) draws = VampireDraws{.noise = inputs.at("eps")};
  if (training && c["z_dropout_keep"]) draws->keep = inputs.at("keep");
  Tensors got;
  model->trace(
      batch, draws, c.value("kl_weight", 1.f),
      [&](const std::string& tensor, std::vector<int64_t>, std::vector<float> values) { got[tensor] = values; });
  got["reconstructed"] = reconstructed(got["reconstruction"], weights, batch.documents(), training);
  got.erase("reconstruction");
  const VampireTotals totals = model->take_totals();
  EXPECT_EQ(totals.documents, batch.documents());
  const double n = double(totals.documents), kl_weight = c.value("kl_weight", 1.0);
  got["loss"] = {float(-(kl_weight * totals.negative_kld + totals.log_likelihood) / n)};
  double loss = 0;
  backend_->copy_to_host(&loss, model->loss().data, sizeof loss);
  EXPECT_NEAR(loss, got["loss"][0], 1e-6 * std::abs(loss));
  if (training) {
    got["new_running_mean"] = model->read(VampireBuffer::kRunningMean);
    got["new_running_var"] = model->read(VampireBuffer::kRunningVariance);
  }
  for (const auto& [tensor, values] : expected) {
    if (tensor == "elbo" || tensor.starts_with("embedding.")) continue;
    if (!tensor.starts_with("grad.")) {
      ASSERT_TRUE(got.contains(tensor)) << tensor;
      expect_close(where, tensor, got[tensor], values);
    } else if (training) {
      expect_close(where, tensor, gradient_of(*model, tensor.substr(5)), values);
    }
  }
  if (!training) expect_embeddings(*model, batch, where, expected);
}

TEST_P(VampireVectors, EveryCase) {
  for (const char* part : {"a", "b", "clamp"}) {
    const json shape = read_json(folder_ + "/" + part + "/cases.json");
    for (const auto& [name, c] : shape["cases"].items()) run_case(part, name, shape, c);
  }
  EXPECT_GE(compared_, 150);
}

TEST_P(VampireVectors, TenStepsOfAdam) {
  const std::string dir = folder_ + "/trajectory";
  const json recorded = read_json(dir + "/trajectory.json"), shape = read_json(folder_ + "/a/cases.json");
  const Tensors inputs = read_tensors(dir + "/inputs.safetensors"), final = read_tensors(dir + "/final.safetensors");
  json options = recorded;
  options["drop"] = recorded["z_dropout"];
  const auto model = model_of(config_of(shape, options), folder_ + "/" + recorded["start"].get<std::string>());
  const size_t steps = recorded["steps"].size(), counts = inputs.at("counts").size() / steps,
               draws = inputs.at("eps").size() / steps;
  const auto part = [&](const char* name, size_t step, size_t size) {
    return std::span(inputs.at(name)).subspan(step * size, size);
  };
  model->reserve({.documents = shape["batch"], .entries = int64_t(counts)}, Mode::kTraining);
  const json& adam = recorded["optimizer"];
  Optimizer optimizer(model->params(), {.beta1 = adam["beta1"], .beta2 = adam["beta2"], .eps = adam["eps"], .clip = 0});
  for (size_t s = 0; s < steps; ++s) {
    const json& step = recorded["steps"][s];
    const VampireBatch batch = batch_of(part("counts", s, counts), shape["vocabulary"]);
    model->forward_backward(batch, step["kl_weight"], 0,
                            {.noise = part("eps", s, draws), .keep = part("keep", s, draws)});
    const VampireTotals t = model->take_totals();
    const double n = double(t.documents), weight = step["kl_weight"];
    EXPECT_NEAR(-(weight * t.negative_kld + t.log_likelihood) / n, step["loss"], 2e-6 * step["loss"].get<double>())
        << s;
    EXPECT_NEAR(-t.negative_kld / n, step["nkld"], 1e-5 * step["nkld"].get<double>()) << s;
    optimizer.step(adam["lr"], 1);
  }
  for (const auto& [name, values] : final) {
    std::vector<float> got;
    if (name == "bow_bn.running_mean")
      got = model->read(VampireBuffer::kRunningMean);
    else if (name == "bow_bn.running_var")
      got = model->read(VampireBuffer::kRunningVariance);
    else if (const int index = model->params().find(name); index >= 0)
      got = model->params().read(index);
    else
      continue;
    if (name.find("encoder._linear_layers.0.weight") != name.npos)
      got = transposed(got, shape["vocabulary"], shape["hidden"]);
    EXPECT_LE(distance(got, values), 2e-6) << name;
    ++compared_;
  }
  EXPECT_EQ(compared_, 12);
  std::vector<float> theta;
  const VampireBatch first = batch_of(part("counts", 0, counts), shape["vocabulary"]);
  model->embed(first, VampireEmbedding::kTheta, theta);
  EXPECT_LE(distance(theta, final.at("eval.theta")), 2e-6);
  model->evaluate(first);
  const VampireTotals t = model->take_totals();
  const double loss = -(t.negative_kld + t.log_likelihood) / double(t.documents);
  EXPECT_NEAR(loss, final.at("eval.loss")[0], 2e-6 * std::abs(loss));
}

INSTANTIATE_TEST_SUITE_P(Device, VampireVectors, testing::Values("cpu", "simt"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace encore::test
