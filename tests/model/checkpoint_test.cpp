#include "model/checkpoint.h"

#include <algorithm>
#include <cstring>

#include "kernels/backend_factory.h"
#include "model/half.h"
#include "model/model.h"
#include "model/pickle.h"
#include "model/safetensors.h"
#include "model/tensor_names.h"
#include "tests/model/test_files.h"

namespace encore {
namespace {

using nlohmann::json;
using Weights = std::map<std::string, std::pair<std::vector<int64_t>, std::vector<float>>>;

constexpr const char* kWords = "roberta.embeddings.word_embeddings.weight";

Backend& backend() {
  static const std::unique_ptr<Backend> cpu = make_backend("cpu", 1);
  return *cpu;
}

json small_json() {
  return json::parse(R"({"architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "vocab_size": 37,
    "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12,
    "max_position_embeddings": 20, "type_vocab_size": 1, "layer_norm_eps": 1e-05, "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
    "initializer_range": 0.02, "marker": "travels on"})");
}
RobertaConfig small_config() {
  return parse_config(small_json().dump(), "config.json");
}
std::unique_ptr<Model> small_mlm(DType compute = DType::kF32) {
  return make_mlm(small_config(), backend(), compute, Mode::kInference);
}

// Distinct values everywhere, so that a swap of two tensors or rows shows.
Weights distinct(const ParamStore& store) {
  Weights weights;
  float next = 0.001f;
  for (const Parameter& p : store.parameters()) {
    auto& [shape, values] = weights[p.name];
    shape = p.shape;
    for (int64_t i = 0; i < p.size(); ++i) values.push_back(next += 0.00137f);
  }
  return weights;
}

void write_weights(const std::string& dir, const Weights& weights, const std::string& file = "model.safetensors",
                   DType dtype = DType::kF32) {
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, tensor] : weights)
    tensors.push_back({name, tensor.first, [values = tensor.second] { return values; }});
  write_safetensors(dir + "/" + file, tensors, dtype);
}

void rename(Weights& weights, const std::string& from, const std::string& to) {
  auto node = weights.extract(from);
  ASSERT_FALSE(node.empty()) << from;
  node.key() = to;
  weights.insert(std::move(node));
}

void expect_equal(const ParamStore& store, const Weights& expected) {
  for (size_t i = 0; i < store.parameters().size(); ++i) {
    const std::string& name = store.parameters()[i].name;
    const auto it = expected.find(name);
    if (it == expected.end()) continue;
    EXPECT_EQ(store.read(int(i)), it->second.second) << name;
  }
}

bool any_with(const std::vector<std::string>& list, const std::string& part) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& s) { return s.find(part) != s.npos; });
}

TEST(TensorNames, AliasTable) {
  const std::pair<const char*, const char*> renamed[] = {
      {"roberta.encoder.layer.3.output.dense.weight", "roberta.encoder.layer.3.output.dense.weight"},
      {"encoder.layer.11.attention.self.query.bias", "roberta.encoder.layer.11.attention.self.query.bias"},
      {"embeddings.word_embeddings.weight", kWords},
      {"roberta.embeddings.LayerNorm.gamma", "roberta.embeddings.LayerNorm.weight"},
      {"encoder.layer.0.attention.output.LayerNorm.beta", "roberta.encoder.layer.0.attention.output.LayerNorm.bias"},
      {"lm_head.layer_norm.weight", "lm_head.layer_norm.weight"},
      {"lm_head.bias", "lm_head.bias"},
      {"classifier.out_proj.weight", "classifier.out_proj.weight"}};
  for (const auto& [stored, name] : renamed) {
    EXPECT_EQ(tensor_name(stored).name, name);
    EXPECT_FALSE(tensor_name(stored).tied) << stored;
    EXPECT_EQ(tensor_name(stored).ignored, nullptr) << stored;
  }
  for (const char* copy : {"lm_head.decoder.weight", "lm_head.weight"}) {
    EXPECT_EQ(tensor_name(copy).name, kWords);
    EXPECT_TRUE(tensor_name(copy).tied);
  }
  EXPECT_EQ(tensor_name("lm_head.decoder.bias").name, "lm_head.bias");
  EXPECT_TRUE(tensor_name("lm_head.decoder.bias").tied);
  for (const char* unused : {"roberta.pooler.dense.weight", "pooler.dense.bias", "roberta.embeddings.position_ids",
                             "embeddings.position_ids", "roberta.embeddings.token_type_ids"})
    EXPECT_NE(tensor_name(unused).ignored, nullptr) << unused;
}

TEST(Checkpoint, OldNames) {
  TempDir dir;
  const auto model = small_mlm();
  const Weights weights = distinct(model->params());
  Weights old;
  for (const auto& [name, tensor] : weights) {
    std::string n = name.starts_with("roberta.") ? name.substr(8) : name;
    if (n.ends_with("LayerNorm.weight")) n.replace(n.size() - 6, 6, "gamma");
    if (n.ends_with("LayerNorm.bias")) n.replace(n.size() - 4, 4, "beta");
    old[n] = tensor;
  }
  old["lm_head.weight"] = old["lm_head.decoder.weight"] = weights.at(kWords);
  old["lm_head.decoder.bias"] = weights.at("lm_head.bias");
  old["pooler.dense.weight"] = {{3, 3}, std::vector<float>(9)};
  write_weights(dir.path(), old);
  const LoadReport report = load_weights(dir.path(), model->params(), model->config(), 1);
  expect_equal(model->params(), weights);
  EXPECT_EQ(report.used.size(), weights.size());
  EXPECT_EQ(report.ignored.size(), 4u);
  EXPECT_TRUE(any_with(report.ignored, "a copy of lm_head.bias"));
  EXPECT_TRUE(any_with(report.ignored, "pooler"));
  EXPECT_TRUE(report.fresh.empty());
  EXPECT_FALSE(report.mlm_head_fresh);
  EXPECT_EQ(report.summary().find('\n'), std::string::npos);
}

TEST(Checkpoint, TiedCopiesAlone) {
  // Only the decoder's names are stored: they are the embedding and the bias.
  TempDir dir;
  const auto model = small_mlm();
  const Weights weights = distinct(model->params());
  Weights stored = weights;
  rename(stored, kWords, "lm_head.decoder.weight");
  rename(stored, "lm_head.bias", "lm_head.decoder.bias");
  write_weights(dir.path(), stored);
  EXPECT_TRUE(load_weights(dir.path(), model->params(), model->config(), 1).fresh.empty());
  expect_equal(model->params(), weights);
}

TEST(Checkpoint, EncoderAloneLeavesAFreshHeadThatIsNamed) {
  TempDir dir;
  const auto model = small_mlm();
  const Weights weights = distinct(model->params());
  Weights encoder = weights;
  std::erase_if(encoder, [](const auto& w) { return w.first.starts_with("lm_head."); });
  write_weights(dir.path(), encoder);
  const LoadReport report = load_weights(dir.path(), model->params(), model->config(), 5);
  expect_equal(model->params(), encoder);
  EXPECT_TRUE(report.mlm_head_fresh);
  EXPECT_EQ(report.fresh.size(), 5u);
  EXPECT_TRUE(any_with(report.notes, "lm_head.dense.weight"));
  EXPECT_NE(report.summary().find("lm_head.layer_norm.weight"), std::string::npos);
  const int dense = model->params().find("lm_head.dense.weight");
  const auto first = model->params().read(dense);
  EXPECT_GT(*std::max_element(first.begin(), first.end()), 0.01f);
  EXPECT_EQ(model->params().read(model->params().find("lm_head.layer_norm.weight")), std::vector<float>(8, 1));
  load_weights(dir.path(), model->params(), model->config(), 6);
  EXPECT_NE(model->params().read(dense), first);
  load_weights(dir.path(), model->params(), model->config(), 5);
  EXPECT_EQ(model->params().read(dense), first);
}

TEST(Checkpoint, AClassifierFromAMaskedModel) {
  TempDir dir;
  Weights weights = distinct(small_mlm()->params());
  weights["lm_head.decoder.weight"] = {{1}, {7}};  // whatever it is: a classifier has no decoder
  write_weights(dir.path(), weights);
  const auto model = make_classifier(small_config(), 3, backend(), DType::kF32, Mode::kInference);
  const LoadReport report = load_weights(dir.path(), model->params(), model->config(), 1);
  expect_equal(model->params(), weights);
  EXPECT_EQ(report.fresh.size(), 4u);
  EXPECT_TRUE(any_with(report.fresh, "classifier.out_proj.bias"));
  EXPECT_EQ(report.ignored.size(), 6u);
  EXPECT_TRUE(any_with(report.ignored, "the MLM head"));
  EXPECT_FALSE(report.mlm_head_fresh);
}

TEST(Checkpoint, AMaskedModelFromAClassifier) {
  TempDir dir;
  const auto classifier = make_classifier(small_config(), 3, backend(), DType::kF32, Mode::kInference);
  write_weights(dir.path(), distinct(classifier->params()));
  const auto model = small_mlm();
  const LoadReport report = load_weights(dir.path(), model->params(), model->config(), 1);
  EXPECT_TRUE(report.mlm_head_fresh);
  EXPECT_TRUE(any_with(report.ignored, "another task's head"));
}

TEST(Checkpoint, AStoredHeadOfAnotherTask) {
  TempDir dir;
  json j = small_json();
  j["problem_type"] = "regression";
  const auto model = make_classifier(parse_config(j.dump(), "c"), 3, backend(), DType::kF32, Mode::kInference);
  write_weights(dir.path(), distinct(model->params()));
  expect_refusal([&] { load_weights(dir.path(), model->params(), model->config(), 1); },
                 {"problem_type", "regression"});
  const auto two = make_classifier(small_config(), 2, backend(), DType::kF32, Mode::kInference);
  expect_refusal([&] { load_weights(dir.path(), two->params(), two->config(), 1); },
                 {"classifier.out_proj", "3", "2", "number of labels"});
}

TEST(Checkpoint, TheShadowFollows) {
  TempDir dir;
  const auto model = small_mlm(DType::kBF16);
  const Weights weights = distinct(model->params());
  write_weights(dir.path(), weights);
  load_weights(dir.path(), model->params(), model->config(), 1);
  const int words = model->params().find(kWords);
  const bf16* shadow = model->params().compute(words).ptr<bf16>();
  const std::vector<float>& expected = weights.at(kWords).second;
  for (size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(shadow[i].bits, to_bf16(expected[i]).bits) << i;
}

TEST(Checkpoint, SaveAndLoadGiveTheSameBits) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    TempDir dir;
    const auto model = small_mlm();
    model->params().initialise(3, 0.02f);
    save_model(dir / "a/b", *model, dtype);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir / "a/b"), {}), 2);
    const RobertaConfig config = load_config(dir / "a/b");
    EXPECT_TRUE(config.notes.empty());
    EXPECT_EQ(config.source["marker"], "travels on");
    EXPECT_EQ(config.source["architectures"], json({"RobertaForMaskedLM"}));
    const auto again = make_mlm(config, backend(), DType::kF32, Mode::kInference);
    const LoadReport report = load_weights(dir / "a/b", again->params(), config, 9);
    EXPECT_TRUE(report.fresh.empty() && report.ignored.empty());
    for (size_t i = 0; i < model->params().parameters().size(); ++i) {
      std::vector<float> expected = model->params().read(int(i));
      for (float& v : expected) {
        if (dtype == DType::kBF16) v = to_float(to_bf16(v));
        if (dtype == DType::kF16) v = half_to_float(float_to_half(v));
      }
      EXPECT_EQ(again->params().read(int(i)), expected) << model->params().parameters()[i].name;
    }
  }
}

TEST(Checkpoint, SavedClassifierCarriesItsLabels) {
  TempDir dir;
  RobertaConfig config = small_config();
  config.labels = {"cs", "bio"};
  const auto model = make_classifier(config, 2, backend(), DType::kF32, Mode::kInference);
  save_model(dir.path(), *model);
  EXPECT_EQ(load_config(dir.path()).labels, config.labels);
  config.labels.clear();
  save_model(dir.path(), *make_classifier(config, 2, backend(), DType::kF32, Mode::kInference));
  EXPECT_EQ(load_config(dir.path()).labels, (std::vector<std::string>{"LABEL_0", "LABEL_1"}));
  config.labels = {"one"};
  const auto odd = make_classifier(config, 2, backend(), DType::kF32, Mode::kInference);
  expect_refusal([&] { save_model(dir.path(), *odd); }, {"1 labels", "2 classes"});
  write_file(dir / "file", "");
  try {
    save_model(dir / "file/sub", *model);
    ADD_FAILURE() << "no error";
  } catch (const IoError& e) {
    EXPECT_NE(std::string(e.what()).find("file/sub"), std::string::npos);
  }
}

// ---- refusals

class BadCheckpoint : public ::testing::Test {
 protected:
  void expect_bad(std::initializer_list<const char*> parts) {
    const auto act = [&] { load_weights(dir_.path(), model_->params(), model_->config(), 1); };
    expect_refusal(act, parts);
    EXPECT_NE(refusal(act).find(dir_.path()), std::string::npos);
  }
  TempDir dir_;
  std::unique_ptr<Model> model_ = small_mlm();
  Weights weights_ = distinct(model_->params());
};

TEST_F(BadCheckpoint, NothingThere) {
  expect_bad({"no weights", "model.safetensors", "pytorch_model.bin"});
  write_file(dir_ / "tf_model.h5", "x");
  expect_bad({"TensorFlow"});
  expect_refusal([&] { load_weights(dir_ / "nowhere", model_->params(), model_->config(), 1); }, {"no such model"});
}

TEST_F(BadCheckpoint, NotTheFileItself) {
  write_file(dir_ / "model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
  expect_bad({"model.safetensors", "Git LFS"});
  write_file(dir_ / "model.safetensors", "");
  expect_bad({"model.safetensors", "0 bytes"});
  std::filesystem::remove(dir_ / "model.safetensors");
  std::filesystem::create_directory(dir_ / "model.safetensors");
  expect_bad({"model.safetensors", "not a regular file"});
}

TEST_F(BadCheckpoint, WrongShapes) {
  weights_["roberta.encoder.layer.1.intermediate.dense.weight"] = {{8, 12}, std::vector<float>(96)};
  write_weights(dir_.path(), weights_);
  expect_bad({"model.safetensors", "intermediate.dense.weight", "[8, 12]", "[12, 8]", "intermediate_size 12"});
  weights_ = distinct(model_->params());
  weights_[kWords] = {{40, 8}, std::vector<float>(320)};
  write_weights(dir_.path(), weights_);
  expect_bad({kWords, "[40, 8]", "[37, 8]", "vocab_size 37"});
}

TEST_F(BadCheckpoint, MissingParameters) {
  Weights fewer = weights_;
  fewer.erase("roberta.encoder.layer.1.attention.self.key.weight");
  write_weights(dir_.path(), fewer);
  expect_bad({"layer.1.attention.self.key.weight", "missing", "2 layers"});
  fewer.erase("roberta.encoder.layer.0.output.dense.bias");
  write_weights(dir_.path(), fewer);
  expect_bad({"layer.0.output.dense.bias", "and 1 more"});
  write_weights(dir_.path(), {{"bert.embeddings.word_embeddings.weight", weights_[kWords]}});
  expect_bad({"BERT", "bert.embeddings"});
  write_weights(dir_.path(), {});
  expect_bad({"no tensor of a RoBERTa encoder"});
}

TEST_F(BadCheckpoint, DecoderOfItsOwn) {
  weights_["lm_head.decoder.weight"] = weights_[kWords];
  weights_["lm_head.decoder.weight"].second[11] += 1;
  write_weights(dir_.path(), weights_);
  expect_bad({"lm_head.decoder.weight", kWords, "tied"});
}

TEST_F(BadCheckpoint, TwoNamesForOneParameter) {
  weights_["roberta.embeddings.LayerNorm.gamma"] = weights_["roberta.embeddings.LayerNorm.bias"];
  write_weights(dir_.path(), weights_);
  expect_bad({"LayerNorm.gamma", "LayerNorm.weight", "same parameter"});
}

TEST_F(BadCheckpoint, WrongDtype) {
  std::string bytes = (write_weights(dir_.path(), weights_), read_file(dir_ / "model.safetensors"));
  for (size_t at = 0; (at = bytes.find("\"F32\"", at)) != bytes.npos;) bytes.replace(at, 5, "\"I32\"");
  write_file(dir_ / "model.safetensors", bytes);
  expect_bad({"model.safetensors", "I32", "F32, F16, BF16"});
}

TEST_F(BadCheckpoint, Shards) {
  Weights first, second;
  json map;
  for (const auto& [name, tensor] : weights_) {
    const bool one = name < "roberta.encoder.layer.1";
    (one ? first : second)[name] = tensor;
    map[name] = one ? "model-1.safetensors" : "model-2.safetensors";
  }
  write_weights(dir_.path(), first, "model-1.safetensors");
  write_weights(dir_.path(), second, "model-2.safetensors");
  const auto index = [&](const json& j) { write_file(dir_ / "model.safetensors.index.json", j.dump()); };
  index({{"weight_map", map}});
  const LoadReport report = load_weights(dir_.path(), model_->params(), model_->config(), 1);
  EXPECT_TRUE(report.file.ends_with("model.safetensors.index.json"));
  expect_equal(model_->params(), weights_);

  std::filesystem::remove(dir_ / "model-2.safetensors");
  expect_bad({"index.json", "model-2.safetensors", "missing"});
  Weights lacking = second;
  lacking.erase(lacking.begin());
  write_weights(dir_.path(), lacking, "model-2.safetensors");
  expect_bad({"index.json", second.begin()->first.c_str(), "model-2.safetensors"});
  Weights twice = second;
  twice.insert(*first.begin());
  write_weights(dir_.path(), twice, "model-2.safetensors");
  expect_bad({first.begin()->first.c_str(), "model-1.safetensors", "model-2.safetensors"});
  for (const char* escape : {"../model-1.safetensors", "/etc/passwd", "", ".", ".."}) {
    map[kWords] = escape;
    index({{"weight_map", map}});
    expect_bad({"index.json", "no file of this folder"});
  }
  map[kWords] = 3;
  index({{"weight_map", map}});
  expect_bad({"index.json", kWords});
  for (const json& j : {json::object(), json{{"weight_map", 1}}, json{{"weight_map", json::object()}}, json::array()}) {
    index(j);
    expect_bad({"index.json"});
  }
}

TEST_F(BadCheckpoint, NotFiniteIsTakenAndSaid) {
  weights_["lm_head.bias"].second[3] = 70000;
  write_weights(dir_.path(), weights_, "model.safetensors", DType::kF16);
  const LoadReport report = load_weights(dir_.path(), model_->params(), model_->config(), 1);
  EXPECT_TRUE(any_with(report.notes, "lm_head.bias"));
  EXPECT_TRUE(any_with(report.notes, "1 values that are not finite"));
}

TEST_F(BadCheckpoint, CutShortAnywhere) {
  write_weights(dir_.path(), weights_);
  const std::string whole = read_file(dir_ / "model.safetensors");
  for (size_t part = 0; part < 16; ++part) {
    write_file(dir_ / "model.safetensors", std::string_view(whole).substr(0, whole.size() * part / 16));
    expect_bad({"model.safetensors"});
  }
}

// ---- recorded checkpoints

class Variants : public ::testing::TestWithParam<const char*> {};

TEST_P(Variants, HoldTheWeightsOfTheReference) {
  if (golden_dir().empty()) GTEST_SKIP() << "skipped: no shared data";
  const std::string name = GetParam(), dir = golden_dir() + "/variants/" + name;
  const auto reference = SafetensorsFile::open(golden_dir() + "/mlm-d32/model/model.safetensors");
  const RobertaConfig config = load_config(dir);
  const auto model = make_mlm(config, backend(), DType::kF32, Mode::kInference);
  const LoadReport report = load_weights(dir, model->params(), config, 1);
  const ParamStore& store = model->params();
  EXPECT_EQ(report.mlm_head_fresh, name == "encoder_only");
  EXPECT_EQ(report.fresh.size(), name == "encoder_only" ? 5u : 0u);
  EXPECT_EQ(report.ignored.size(), name == "old_names" ? 5u : 0u);
  size_t compared = 0;
  for (size_t i = 0; i < store.parameters().size(); ++i) {
    const std::string& parameter = store.parameters()[i].name;
    if (std::count(report.fresh.begin(), report.fresh.end(), parameter)) continue;
    std::vector<float> expected = to_f32(reference->tensors().at(parameter), parameter);
    for (float& v : expected) {
      if (name == "bf16") v = to_float(to_bf16(v));
      if (name == "fp16") v = half_to_float(float_to_half(v));
    }
    EXPECT_EQ(store.read(int(i)), expected) << parameter;
    ++compared;
  }
  EXPECT_EQ(compared, reference->tensors().size() - report.fresh.size());
}

INSTANTIATE_TEST_SUITE_P(Golden, Variants,
                         ::testing::Values("sharded", "fp16", "bf16", "encoder_only", "old_names", "pickle",
                                           "pickle_legacy"),
                         [](const auto& info) { return std::string(info.param); });

TEST(GoldenModels, BertIsRefusedByItsConfig) {
  if (golden_dir().empty()) GTEST_SKIP() << "skipped: no shared data";
  for (const char* name : {"bert-mlm-d32", "bert-classifier-d32"})
    expect_refusal([&] { load_config(golden_dir() + "/" + name + "/model"); }, {name, "config.json", "'bert'"});
}

TEST(GoldenModels, ClassifierLoads) {
  if (golden_dir().empty()) GTEST_SKIP() << "skipped: no shared data";
  const std::string dir = golden_dir() + "/classifier-d64/model";
  const RobertaConfig config = load_config(dir);
  EXPECT_EQ(config.labels.size(), 5u);
  const auto model = make_classifier(config, 5, backend(), DType::kF32, Mode::kInference);
  const LoadReport report = load_weights(dir, model->params(), config, 1);
  EXPECT_TRUE(report.fresh.empty() && report.ignored.empty()) << report.summary();
}

}  // namespace
}  // namespace encore
