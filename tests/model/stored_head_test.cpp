// A stored classification head serves the labels that it was trained for, and no others.
#include "model/stored_head.h"

#include "tests/model/checkpoint_weights.h"

namespace encore {
namespace {

using Names = std::vector<std::string>;
constexpr const char* kOutput = "classifier.out_proj.weight";

EncoderConfig with_labels(const Names& labels, const json& more = json::object()) {
  json j = small_json();
  for (size_t i = 0; i < labels.size(); ++i) j["id2label"][std::to_string(i)] = labels[i];
  j.update(more);
  return parse_config(j.dump(), "config.json");
}

TEST(StoredHead, RowsFollowTheNames) {
  const Names stored = {"entailment", "neutral", "contradiction"};
  const EncoderConfig c = with_labels(stored);
  EXPECT_EQ(match_labels(c, 3, stored).rows, (std::vector<size_t>{0, 1, 2}));
  const StoredHead sorted = match_labels(c, 3, {"contradiction", "entailment", "neutral"});
  EXPECT_EQ(sorted.reason, "");
  EXPECT_EQ(sorted.rows, (std::vector<size_t>{2, 0, 1}));
}

TEST(StoredHead, GenericNamesAreTheNumbers) {
  const EncoderConfig generic = with_labels({"LABEL_0", "LABEL_1", "LABEL_2"});
  EXPECT_EQ(match_labels(generic, 3, {"0", "1", "2"}).rows, (std::vector<size_t>{0, 1, 2}));
  EXPECT_EQ(match_labels(generic, 3, {"2", "LABEL_1", "0"}).rows, (std::vector<size_t>{2, 1, 0}));
  EXPECT_EQ(match_labels(with_labels({}), 2, {"0", "1"}).rows, (std::vector<size_t>{0, 1}));
  EXPECT_NE(match_labels(generic, 3, {"a", "b", "c"}).reason, "");
  EXPECT_NE(match_labels(generic, 3, {"1", "LABEL_1", "0"}).reason, "");  // each row serves one label
  EXPECT_NE(match_labels(with_labels({"LABEL_1", "1"}), 2, {"LABEL_1", "LABEL_0"}).reason, "");
}

TEST(StoredHead, WhyAHeadIsNotUsed) {
  const Names labels = {"a", "b"};
  const auto reason = [&](const EncoderConfig& c, int64_t rows = 2) { return match_labels(c, rows, labels).reason; };
  EXPECT_EQ(reason(with_labels(labels)), "");
  EXPECT_NE(reason(with_labels({"a", "c"})).find("'a', 'c', those of the training rows 'a', 'b'"), std::string::npos);
  EXPECT_NE(reason(with_labels({"a", "b", "c"}), 3).find("'a', 'b', 'c'"), std::string::npos);
  EXPECT_NE(reason(with_labels({"a", "b", "c"})).find("2 rows and config.json 3 labels"), std::string::npos);
  EXPECT_NE(reason(with_labels({"score"}), 1).find("regression"), std::string::npos);
  for (const char* problem : {"multi_label_classification", "regression"})
    EXPECT_NE(reason(with_labels(labels, {{"problem_type", problem}})).find(problem), std::string::npos);
  EXPECT_EQ(reason(with_labels(labels, {{"problem_type", "single_label_classification"}})), "");
  EXPECT_EQ(reason(with_labels(labels, {{"problem_type", nullptr}})), "");
  EXPECT_NE(reason(with_labels({"a", "a"})).find("two ids"), std::string::npos);
}

class LoadedHead : public ::testing::Test {
 protected:
  // Loads the weights into a classifier of rows with these labels.
  LoadReport load(const EncoderConfig& stored, const Names& row_labels) {
    EncoderConfig own = stored;
    own.labels = row_labels;
    model_ = make_classifier(own, int(row_labels.size()), backend(), DType::kF32, Mode::kInference);
    return load_weights(dir_.path(), model_->params(), stored, 5, &row_labels);
  }
  Weights classifier(int labels) {
    const auto model = make_classifier(small_config(), 2, backend(), DType::kF32, Mode::kInference);
    Weights weights = distinct(model->params());
    weights[kOutput] = {{labels, 64}, {}};
    weights["classifier.out_proj.bias"] = {{labels}, {}};
    for (int i = 0; i < labels * 64; ++i) weights[kOutput].second.push_back(0.01f * float(i));
    for (int i = 0; i < labels; ++i) weights["classifier.out_proj.bias"].second.push_back(float(i + 1));
    return weights;
  }
  std::vector<float> read(const char* name) { return model_->params().read(model_->params().find(name)); }
  TempDir dir_;
  std::unique_ptr<Model> model_;
};

TEST_F(LoadedHead, InTheOrderOfTheRows) {
  const Weights weights = classifier(3);
  write_weights(dir_.path(), weights);
  const EncoderConfig stored = with_labels({"x", "z", "y"});
  const LoadReport report = load(stored, {"x", "y", "z"});
  EXPECT_TRUE(report.fresh.empty());
  EXPECT_TRUE(report.notes.empty());
  const std::vector<float>& rows = weights.at(kOutput).second;
  std::vector<float> expected(rows.begin(), rows.begin() + 64);
  expected.insert(expected.end(), rows.begin() + 128, rows.end());
  expected.insert(expected.end(), rows.begin() + 64, rows.begin() + 128);
  EXPECT_EQ(read(kOutput), expected);
  const std::vector<float>& bias = weights.at("classifier.out_proj.bias").second;
  EXPECT_EQ(read("classifier.out_proj.bias"), (std::vector<float>{bias[0], bias[2], bias[1]}));
  EXPECT_EQ(read("classifier.dense.weight"), weights.at("classifier.dense.weight").second);
}

TEST_F(LoadedHead, FreshAndSaidAloud) {
  for (const int count : {1, 2, 3}) {
    write_weights(dir_.path(), classifier(count));
    const EncoderConfig stored = with_labels(count == 3   ? Names{"x", "y", "z"}
                                             : count == 2 ? Names{"x", "other"}
                                                          : Names{"x"});
    const LoadReport report = load(stored, {"x", "y"});
    EXPECT_EQ(report.fresh.size(), 4u) << count;
    ASSERT_EQ(report.notes.size(), 1u) << count;
    EXPECT_NE(report.notes[0].find("the stored head is not used, a fresh one is trained"), std::string::npos);
    EXPECT_TRUE(any_with(report.ignored, kOutput));
    EXPECT_EQ(read("classifier.out_proj.bias"), (std::vector<float>{0, 0}));
  }
  // A head of tokens, or of another library's form.
  Weights tokens = classifier(2);
  for (const char* name : {"dense.weight", "dense.bias", "out_proj.weight", "out_proj.bias"})
    tokens.erase(std::string("classifier.") + name);
  write_weights(dir_.path(), tokens);
  EXPECT_TRUE(load(with_labels({}), {"x", "y"}).notes.empty());  // a masked-LM: a fresh head is what is asked for
  tokens["classifier.weight"] = {{2, 64}, std::vector<float>(128, 1)};
  write_weights(dir_.path(), tokens);
  const LoadReport report = load(with_labels({"x", "y"}), {"x", "y"});
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_NE(report.notes[0].find("'classifier.weight' is the head of another task"), std::string::npos);
}

TEST_F(LoadedHead, WrappersInNames) {
  const Weights weights = classifier(2);
  Weights wrapped;
  for (const auto& [name, tensor] : weights) {
    static const char* const kStarts[] = {"module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.module.",
                                          "_forward_module."};
    std::string stored = kStarts[wrapped.size() % std::size(kStarts)] + name;
    if (const size_t at = stored.find("encoder.layer"); at != stored.npos && wrapped.size() % 3 == 0)
      stored.insert(at, wrapped.size() % 2 ? "_orig_mod." : "_checkpoint_wrapped_module.");
    wrapped[stored] = tensor;
  }
  write_weights(dir_.path(), wrapped);
  const LoadReport report = load(with_labels({"x", "y"}), {"x", "y"});
  EXPECT_TRUE(report.fresh.empty());
  expect_equal(model_->params(), weights);

  // An object around the model was saved: its name for the model stands before all.
  for (const std::string outer : {"model.", "net.encoder_model.", "module.model."}) {
    Weights around;
    for (const auto& [name, tensor] : weights) around[outer + name] = tensor;
    around["loss.weight"] = {{1}, {0}};
    write_weights(dir_.path(), around);
    EXPECT_TRUE(load(with_labels({"x", "y"}), {"x", "y"}).fresh.empty()) << outer;
    expect_equal(model_->params(), weights);
    for (const auto& [name, tensor] : weights) around["teacher." + name] = tensor;
    write_weights(dir_.path(), around);
    expect_refusal([&] { load(with_labels({"x", "y"}), {"x", "y"}); }, {"no tensor of a RoBERTa encoder"});
  }

  wrapped[kWords] = {{37, 64}, std::vector<float>(37 * 64, 1)};
  write_weights(dir_.path(), wrapped);
  expect_refusal([&] { load(with_labels({"x", "y"}), {"x", "y"}); }, {kWords, "both name the same parameter"});
}

}  // namespace
}  // namespace encore
