// Loading and saving of weights: old names, heads of other tasks, dtypes, recorded checkpoints. Refusals are tested in
// checkpoint_refusals_test.cpp.
#include "model/checkpoint.h"

#include "model/half.h"
#include "model/tensor_names.h"
#include "tests/model/checkpoint_weights.h"

namespace encore {
namespace {

void rename(Weights& weights, const std::string& from, const std::string& to) {
  auto node = weights.extract(from);
  ASSERT_FALSE(node.empty()) << from;
  node.key() = to;
  weights.insert(std::move(node));
}

TEST(TensorNames, AliasTable) {
  const Family& roberta = default_family();
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
    EXPECT_EQ(tensor_name(roberta, stored).name, name);
    EXPECT_FALSE(tensor_name(roberta, stored).tied) << stored;
  }
  for (const char* copy : {"lm_head.decoder.weight", "lm_head.weight"}) {
    EXPECT_EQ(tensor_name(roberta, copy).name, kWords);
    EXPECT_TRUE(tensor_name(roberta, copy).tied);
  }
  EXPECT_EQ(tensor_name(roberta, "lm_head.decoder.bias").name, "lm_head.bias");
  EXPECT_TRUE(tensor_name(roberta, "lm_head.decoder.bias").tied);
}

TEST(TensorNames, EveryUnusedTensorHasItsReason) {
  const std::pair<const char*, const char*> reasons[] = {
      {"roberta.pooler.dense.weight", "a pooler, which no head here reads"},
      {"pooler.dense.bias", "a pooler, which no head here reads"},
      {"roberta.embeddings.position_ids", "a buffer, worked out anew"},
      {"embeddings.position_ids", "a buffer, worked out anew"},
      {"roberta.embeddings.token_type_ids", "a buffer, worked out anew"},
      {"roberta.embeddings.position_ids_of_another_kind", "unknown to this model"},
      {"lm_head.bias", "the MLM head, which this model does not have"},
      {"classifier.out_proj.weight", "another task's head, which this model does not have"},
      {"qa_outputs.bias", "another task's head, which this model does not have"},
      {"roberta.encoder.layer.12.output.dense.bias", "no part of the layers that config.json tells of"},
      {"extra", "unknown to this model"}};
  for (const auto& [stored, reason] : reasons) {
    const TensorName name = tensor_name(default_family(), stored);
    EXPECT_STREQ(why_unused(default_family(), name.name), reason) << stored;
  }
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
  // The file has only the names of the decoder, for the embedding and the bias.
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
  EXPECT_TRUE(report.notes.empty());
  EXPECT_NE(report.summary().find("lm_head.layer_norm.weight"), std::string::npos);
  const int dense = model->params().find("lm_head.dense.weight");
  const auto first = model->params().read(dense);
  EXPECT_GT(*std::max_element(first.begin(), first.end()), 0.01f);
  EXPECT_EQ(model->params().read(model->params().find("lm_head.layer_norm.weight")), std::vector<float>(64, 1));
  load_weights(dir.path(), model->params(), model->config(), 6);
  EXPECT_NE(model->params().read(dense), first);
  load_weights(dir.path(), model->params(), model->config(), 5);
  EXPECT_EQ(model->params().read(dense), first);
}

// A config.json with fewer layers than the file, or adapters in the layers: the rest is read, and said to be a part.
TEST(Checkpoint, TensorsOfTheEncoderThatAreNotUsedAreSaid) {
  const std::string layer = "roberta.encoder.layer.";
  for (const std::string extra : {layer + "7.output.dense.bias", layer + "0.attention.self.query.lora_A.weight",
                                  std::string("encoder.layer.0.output.adapters.x.bias")}) {
    TempDir dir;
    const auto model = small_mlm();
    Weights weights = distinct(model->params());
    weights["roberta.pooler.dense.bias"] = weights["roberta.embeddings.position_ids"] = {{1}, {7}};
    write_weights(dir.path(), weights);
    EXPECT_TRUE(load_weights(dir.path(), model->params(), model->config(), 1).notes.empty());
    weights[extra] = {{1}, {7}};
    write_weights(dir.path(), weights);
    const LoadReport report = load_weights(dir.path(), model->params(), model->config(), 1);
    ASSERT_EQ(report.notes.size(), 1u) << extra;
    EXPECT_NE(report.notes[0].find("tensors of the encoder are not used ('" + extra + "', 1 in all)"),
              std::string::npos)
        << report.notes[0];
  }
}

TEST(Checkpoint, AClassifierFromAMaskedModel) {
  TempDir dir;
  Weights weights = distinct(small_mlm()->params());
  weights["lm_head.decoder.weight"] = {{1}, {7}};  // its value does not matter: a classifier has no decoder
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
    const EncoderConfig config = load_config(dir / "a/b");
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
  EncoderConfig config = small_config();
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

// ---- recorded checkpoints

class Variants : public ::testing::TestWithParam<const char*> {};

TEST_P(Variants, HoldTheWeightsOfTheReference) {
  if (golden_dir().empty()) GTEST_SKIP() << "skipped: no shared data";
  const std::string name = GetParam(), dir = golden_dir() + "/variants/" + name;
  const auto reference = open_safetensors_file(golden_dir() + "/mlm-d32/model/model.safetensors");
  const EncoderConfig config = load_config(dir);
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
  const EncoderConfig config = load_config(dir);
  EXPECT_EQ(config.labels.size(), 5u);
  const auto model = make_classifier(config, 5, backend(), DType::kF32, Mode::kInference);
  const LoadReport report = load_weights(dir, model->params(), config, 1);
  EXPECT_TRUE(report.fresh.empty() && report.ignored.empty()) << report.summary();
}

}  // namespace
}  // namespace encore
