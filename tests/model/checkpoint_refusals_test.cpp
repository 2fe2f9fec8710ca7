// The messages about weights that are damaged, missing or of another model.
#include "tests/model/checkpoint_weights.h"

namespace encore {
namespace {

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
  weights_["roberta.encoder.layer.1.intermediate.dense.weight"] = {{64, 12}, std::vector<float>(768)};
  write_weights(dir_.path(), weights_);
  expect_bad({"model.safetensors", "intermediate.dense.weight", "[64, 12]", "[12, 64]", "intermediate_size 12"});
  weights_ = distinct(model_->params());
  weights_[kWords] = {{40, 64}, std::vector<float>(2560)};
  write_weights(dir_.path(), weights_);
  expect_bad({kWords, "[40, 64]", "[37, 64]", "vocab_size 37"});
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

}  // namespace
}  // namespace encore
