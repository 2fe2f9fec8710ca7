#include "model/config.h"

#include "kernels/base/version.h"
#include "tests/model/test_files.h"

namespace encore {
namespace {

using nlohmann::json;

json base() {
  return json::parse(R"({"architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "vocab_size": 333,
    "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 160,
    "max_position_embeddings": 50, "type_vocab_size": 1, "layer_norm_eps": 1e-05, "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.2, "classifier_dropout": null, "pad_token_id": 1,
    "bos_token_id": 0, "eos_token_id": 2, "initializer_range": 0.02, "use_cache": true})");
}

EncoderConfig parse(const json& j) {
  return parse_config(j.dump(), "config.json");
}

TEST(Config, ReadsEveryField) {
  json j = base();
  j["classifier_dropout"] = 0.25;
  j["id2label"] = {{"0", "no"}, {"1", "yes"}};
  const EncoderConfig c = parse(j);
  EXPECT_EQ(c.vocab_size, 333);
  EXPECT_EQ(c.hidden_size, 64);
  EXPECT_EQ(c.num_hidden_layers, 3);
  EXPECT_EQ(c.num_attention_heads, 2);
  EXPECT_EQ(c.intermediate_size, 160);
  EXPECT_EQ(c.max_position_embeddings, 50);
  EXPECT_EQ(c.max_length(), 48);
  EXPECT_EQ(c.type_vocab_size, 1);
  EXPECT_EQ(c.layer_norm_eps, 1e-5f);
  EXPECT_EQ(c.attention_probs_dropout_prob, 0.2f);
  EXPECT_EQ(c.classifier_dropout, 0.25f);
  EXPECT_EQ(c.labels, (std::vector<std::string>{"no", "yes"}));
  EXPECT_TRUE(c.notes.empty());
}

TEST(Config, MissingFieldsTakeTheClassDefaultAndSaySo) {
  json j = base();
  for (const char* key : {"layer_norm_eps", "max_position_embeddings", "type_vocab_size"}) j.erase(key);
  const EncoderConfig c = parse(j);
  EXPECT_EQ(c.layer_norm_eps, 1e-12f);
  EXPECT_EQ(c.max_position_embeddings, 512);
  EXPECT_EQ(c.type_vocab_size, 2);
  ASSERT_EQ(c.notes.size(), 3u);
  EXPECT_NE(c.notes[0].find("config.json: max_position_embeddings is missing"), std::string::npos) << c.notes[0];
  EXPECT_NE(c.notes[2].find("1e-12"), std::string::npos) << c.notes[2];
  EXPECT_EQ(parse(json{{"model_type", "roberta"}}).hidden_size, 768);
}

TEST(Config, ModelTypes) {
  json j = base();
  for (const char* served : {"roberta", "xlm-roberta", "camembert"})
    EXPECT_NO_THROW(parse((j["model_type"] = served, j)));
  expect_refusal([&] { parse((j["model_type"] = "bert", j)); }, {"config.json", "model_type", "'bert'", "hfl"});
  expect_refusal([&] { parse((j["model_type"] = "gpt2\n", j)); }, {"model_type", "gpt2\\n"});
  expect_refusal([&] { parse((j["model_type"] = 3, j)); }, {"model_type", "3"});
  j.erase("model_type");
  EXPECT_EQ(parse(j).notes.size(), 1u);
  expect_refusal([&] { parse((j["architectures"] = {"BertForMaskedLM"}, j)); }, {"BertForMaskedLM"});
}

TEST(Config, RefusesWhatChangesTheComputation) {
  const auto with = [](const char* key, const json& value) {
    json j = base();
    j[key] = value;
    return [j] { parse(j); };
  };
  expect_refusal(with("hidden_act", "relu"), {"config.json", "hidden_act", "relu", "gelu"});
  expect_refusal(with("hidden_act", "gelu_new"), {"hidden_act"});
  expect_refusal(with("position_embedding_type", "relative_key"), {"position_embedding_type"});
  expect_refusal(with("is_decoder", true), {"is_decoder"});
  expect_refusal(with("add_cross_attention", true), {"add_cross_attention"});
  expect_refusal(with("quantization_config", json::object()), {"quantization_config"});
  expect_refusal(with("pruned_heads", {{"0", {1}}}), {"pruned_heads"});
  EXPECT_NO_THROW(with("pruned_heads", json::object())());
}

TEST(Config, WrongTypesAndRangesNameTheKey) {
  const auto with = [](const char* key, const json& value) {
    json j = base();
    j[key] = value;
    return [j] { parse(j); };
  };
  for (const char* key : {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
                          "max_position_embeddings", "type_vocab_size"})
    for (const json& bad : {json("64"), json(64.5), json(0), json(-1), json(nullptr), json(uint64_t(1) << 63),
                            json(INT64_MAX), json::array({1})})
      expect_refusal(with(key, bad), {"config.json", key});
  for (const char* key : {"hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"})
    for (const json& bad : {json("0.1"), json(1.0), json(-0.1), json(true)})
      expect_refusal(with(key, bad), {"config.json", key});
  for (const json& bad : {json(0), json(-1e-5), json(1e-60), json("x"), json(nullptr)})
    expect_refusal(with("layer_norm_eps", bad), {"layer_norm_eps"});
  expect_refusal(with("num_attention_heads", 3), {"hidden_size 64", "num_attention_heads 3"});
  expect_refusal(with("pad_token_id", 333), {"pad_token_id"});
  expect_refusal(with("max_position_embeddings", 2), {"max_position_embeddings", "pad_token_id"});
  expect_refusal(with("num_hidden_layers", 256), {"num_hidden_layers"});
}

// A masked-LM, an embedding and a dry run do not use the labels, so they do not refuse them.
TEST(Config, FaultyLabelsAreRefusedWhereTheyAreUsed) {
  const auto labels = [](const char* key, const json& value) {
    json j = base();
    j[key] = value;
    const EncoderConfig c = parse(j);
    EXPECT_TRUE(c.labels.empty());
    return [c] { classifier_labels(c, "config.json"); };
  };
  expect_refusal(labels("id2label", {{"0", "a"}, {"2", "b"}}), {"config.json", "id2label", "\"1\""});
  expect_refusal(labels("id2label", {{"0", "a"}, {"1", "a"}}), {"id2label", "'a'"});
  expect_refusal(labels("id2label", {{"0", json::array()}}), {"id2label", "[]"});
  expect_refusal(labels("id2label", {{"0", nullptr}}), {"id2label", "null"});
  expect_refusal(labels("id2label", "x"), {"id2label"});
  expect_refusal(labels("label2id", {{"a", 0}, {"b", 0}}), {"label2id", "'b'", "0 to 1"});
  expect_refusal(labels("label2id", {{"a", 0}, {"b", 2}}), {"label2id", "'b'"});
  expect_refusal(labels("num_labels", -2), {"num_labels"});
}

TEST(Config, LabelsFromEveryField) {
  const auto labels = [](const json& fields) {
    json j = base();
    j.update(fields);
    return parse(j).labels;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(labels({{"id2label", {{"0", "b"}, {"1", "a"}}}}), (Names{"b", "a"}));
  EXPECT_EQ(labels({{"id2label", {{"0", 7}, {"1", true}}}}), (Names{"7", "true"}));
  EXPECT_EQ(labels({{"label2id", {{"a", 1}, {"b", 0}}}}), (Names{"b", "a"}));
  // transformers leaves out its defaults when it saves: a head of two rows has no labels in config.json.
  EXPECT_EQ(labels(json::object()), Names());
  EXPECT_EQ(classifier_labels(parse(base()), "c"), (Names{"LABEL_0", "LABEL_1"}));
  EXPECT_EQ(labels({{"num_labels", 3}}), (Names{"LABEL_0", "LABEL_1", "LABEL_2"}));
  // A user who renames the labels changes id2label; the other list is then of yesterday.
  EXPECT_EQ(labels({{"id2label", {{"0", "new"}, {"1", "names"}}}, {"label2id", {{"a", 0}, {"b", 1}}}}),
            (Names{"new", "names"}));
  const EncoderConfig one = parse([] {
    json j = base();
    j["id2label"] = {{"0", "score"}};
    return j;
  }());
  expect_refusal([&] { classifier_labels(one, "c"); }, {"one label", "'score'", "regression"});
}

// Heads that no kernel serves are found before a folder is made.
TEST(Config, HeadSizes) {
  const auto heads = [](int hidden, int count) {
    json j = base();
    j["hidden_size"] = hidden;
    j["num_attention_heads"] = count;
    return [j] { parse(j); };
  };
  for (const int size : {32, 64, 96, 128}) EXPECT_NO_THROW(heads(2 * size, 2)());
  for (const int size : {1, 16, 48, 80, 160, 256})
    expect_refusal(heads(2 * size, 2), {"config.json", "hidden_size", "num_attention_heads 2", "32, 64, 96, 128"});
}

TEST(Config, NamesOfTheExactGelu) {
  const auto act = [](const json& name) {
    json j = base();
    j["hidden_act"] = name;
    return j;
  };
  for (const char* name : {"gelu", "gelu_python"}) {
    const EncoderConfig c = parse(act(name));
    EXPECT_EQ(json::parse(config_to_json(c, "RobertaForMaskedLM"))["hidden_act"], name);
  }
  for (const char* name : {"gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_python_tanh", "gelu_accurate",
                           "quick_gelu", "gelu_10", "GELU", "silu", ""})
    expect_refusal([&] { parse(act(name)); }, {"hidden_act", name, "erf"});
  expect_refusal([&] { parse(act(json::object())); }, {"hidden_act", "{}"});
}

// Python writes numbers that are no JSON, and numbers that no machine type holds.
TEST(Config, NumbersAsPythonWritesThem) {
  const auto text = [](const std::string& fields) {
    std::string t = base().dump();
    t.insert(1, fields + ", ");
    return t;
  };
  for (const char* harmless : {"1000000000000000019884624838656", "-1000000000000000019884624838656", "1e30",
                               "18446744073709551616", "NaN", "Infinity", "-Infinity", "[1, {\"b\": -Infinity}]"})
    EXPECT_NO_THROW(parse_config(text(fmt::format("\"unused\": {}", harmless)), "c")) << harmless;
  EXPECT_EQ(json::parse(config_to_json(parse_config(text("\"unused\": 1000000000000000019884624838656"), "c"),
                                       "RobertaForMaskedLM"))["unused"],
            1e30);
  const auto with = [](const std::string& key, const std::string& value) {
    std::string t = base().dump();
    const size_t at = t.find("\"" + key + "\":") + key.size() + 3;
    return [t = t.replace(at, t.find_first_of(",}", at) - at, value)] { parse_config(t, "config.json"); };
  };
  expect_refusal(with("layer_norm_eps", "NaN"), {"layer_norm_eps is NaN"});
  expect_refusal(with("hidden_dropout_prob", "Infinity"), {"hidden_dropout_prob is Infinity"});
  expect_refusal(with("vocab_size", "-Infinity"), {"vocab_size is -Infinity", "whole number"});
  expect_refusal(with("pad_token_id", "1e999"), {"config.json: line 1", "'pad_token_id'", "1e999"});
  expect_refusal(with("pad_token_id", "1000000000000000019884624838656"), {"pad_token_id is 1e+30"});
  expect_refusal(with("hidden_act", "\"\\ud800\""), {"config.json: line 1", "'hidden_act'", "surrogate"});
  expect_refusal(with("hidden_act", "Nan"), {"'hidden_act'", "not valid JSON"});
}

TEST(Config, MalformedText) {
  const auto text = [](std::string t) { return [t] { parse_config(t, "dir/config.json"); }; };
  expect_refusal(text(""), {"dir/config.json", "JSON"});
  expect_refusal(text("{\"a\": \n"), {"dir/config.json", "line"});
  expect_refusal(text("[]"), {"dir/config.json", "object"});
  expect_refusal(text("\xff\xfe{}"), {"dir/config.json"});
  expect_refusal(text("{\"vocab_size\": 1e999}"), {"dir/config.json"});
  expect_refusal(text("{\"vocab_size\": 5, \"vocab_size\": 6}"), {"vocab_size", "twice"});
  expect_refusal(text("{\"a\": " + std::string(100000, '[')), {"dir/config.json", "nested"});
  const std::string whole = base().dump();
  for (size_t n = 0; n < whole.size(); ++n) refusal(text(whole.substr(0, n)));
}

TEST(Config, MissingFileIsNamed) {
  expect_refusal([] { load_config("/nowhere/at/all"); }, {"/nowhere/at/all: no such folder"});
  TempDir dir;
  expect_refusal([&] { load_config(dir.path()); }, {dir.path().c_str(), "config.json", "No such file"});
  std::filesystem::create_directory(dir / "config.json");
  expect_refusal([&] { load_config(dir.path()); }, {"config.json", "not a regular file"});
}

TEST(Config, WrittenForTheMaskedModel) {
  json j = base();
  j["id2label"] = {{"0", "LABEL_0"}, {"1", "LABEL_1"}};
  j["dtype"] = "float16";
  j["my_field"] = {{"deep", 1}};
  const json out = json::parse(config_to_json(parse(j), "RobertaForMaskedLM"));
  EXPECT_EQ(out["architectures"], json({"RobertaForMaskedLM"}));
  EXPECT_EQ(out["model_type"], "roberta");
  EXPECT_EQ(out["my_field"], json({{"deep", 1}}));
  EXPECT_EQ(out["torch_dtype"], "float32");
  EXPECT_EQ(out["dtype"], "float32");
  EXPECT_EQ(out["encore_version"], json(version()));
  EXPECT_EQ(out["encore_commit"], json(commit()));
  EXPECT_EQ(out["layer_norm_eps"].dump(), "1e-05");
  for (const char* gone : {"id2label", "label2id", "problem_type"}) EXPECT_FALSE(out.contains(gone)) << gone;
}

TEST(Config, WrittenForAClassifier) {
  EncoderConfig c = parse(base());
  c.labels = {"negative", "positive", "mixed"};
  c.hidden_dropout_prob = 0.3f;
  const std::string text = config_to_json(c, "RobertaForSequenceClassification", DType::kBF16);
  const json out = json::parse(text);
  EXPECT_EQ(out["id2label"], json({{"0", "negative"}, {"1", "positive"}, {"2", "mixed"}}));
  EXPECT_EQ(out["label2id"], json({{"negative", 0}, {"positive", 1}, {"mixed", 2}}));
  EXPECT_EQ(out["problem_type"], "single_label_classification");
  EXPECT_EQ(out["torch_dtype"], "bfloat16");
  EXPECT_EQ(out["dtype"], "bfloat16");
  EXPECT_EQ(out["hidden_dropout_prob"].dump(), "0.3");
  const EncoderConfig again = parse_config(text, "again");
  EXPECT_EQ(again.labels, c.labels);
  EXPECT_EQ(again.hidden_dropout_prob, 0.3f);
  EXPECT_TRUE(again.notes.empty());
}

TEST(Config, WrittenWithoutASource) {
  EncoderConfig c;
  c.vocab_size = 1000;
  c.layer_norm_eps = 1e-5f;
  c.bos_token_id = -1;
  const EncoderConfig again = parse_config(config_to_json(c, "RobertaForMaskedLM"), "again");
  EXPECT_EQ(again.vocab_size, 1000);
  EXPECT_EQ(again.layer_norm_eps, 1e-5f);
  EXPECT_EQ(again.bos_token_id, -1);
  EXPECT_TRUE(again.notes.empty());
}

}  // namespace
}  // namespace encore
