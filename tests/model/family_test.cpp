// The table of families: the model_types that it serves, its names against those of the models, and a family that is
// added by an entry.
#include "model/family.h"

#include "model/checkpoint.h"
#include "model/tensor_names.h"
#include "tests/model/test_files.h"
#include "tests/model/tiny_model.h"

namespace encore::test {
namespace {

void expect_layer(const ParamStore& params, std::string_view name) {
  EXPECT_GE(params.find(fmt::format("{}.weight", name)), 0) << name;
  EXPECT_GE(params.find(fmt::format("{}.bias", name)), 0) << name;
}

TEST(Family, ServesTheTypesOfRoberta) {
  for (const char* type : {"roberta", "xlm-roberta", "camembert"})
    EXPECT_EQ(&family_of(type, "config.json"), &default_family()) << type;
  for (const char* name : {"RobertaForMaskedLM", "XLMRobertaModel", "CamembertForSequenceClassification"})
    EXPECT_EQ(family_of_class(name), &default_family()) << name;
  EXPECT_EQ(family_of_class("BertForMaskedLM"), nullptr);
  EXPECT_EQ(served_families(), "Encore reads RoBERTa-shaped models (roberta, xlm-roberta, camembert)");
}

TEST(Family, RefusesOthersByName) {
  EXPECT_EQ(refusal([] { family_of("bert", "d/config.json"); }),
            "d/config.json: model_type is 'bert': Encore reads RoBERTa-shaped models (roberta, xlm-roberta, "
            "camembert); BERT numbers positions, pools and predicts differently, and the checkpoints called RoBERTa "
            "that are BERT-shaped (hfl) count as BERT");
  EXPECT_EQ(refusal([] { family_of("gpt2", "c"); }),
            "c: model_type is 'gpt2': Encore reads RoBERTa-shaped models (roberta, xlm-roberta, camembert)");
  EXPECT_EQ(unserved_title("bert.embeddings.word_embeddings.weight"), "BERT");
  EXPECT_EQ(unserved_title("roberta.embeddings.word_embeddings.weight"), "");
}

TEST(Family, ItsNamesAreThoseOfTheModels) {
  const Family& f = default_family();
  for (const bool classify : {false, true}) {
    const auto model = classify ? tiny_classifier() : tiny_mlm();
    const ParamStore& params = model->params();
    for (const std::string_view table : {f.embeddings.word, f.embeddings.position, f.embeddings.token_type})
      EXPECT_GE(params.find(table), 0) << table;
    expect_layer(params, f.embeddings.norm);
    expect_layer(params, classify ? f.classifier.dense : f.mlm_head.dense);
    expect_layer(params, classify ? f.classifier.output : f.mlm_head.norm);
    EXPECT_EQ(params.find(f.mlm_head.bias) >= 0, !classify);
    EXPECT_EQ(model->architecture(), classify ? f.classifier.architecture : f.mlm_head.architecture);
    for (const NameAlias& copy : f.tied) EXPECT_EQ(params.find(copy.current) >= 0 || classify, true) << copy.current;
    size_t head = 0;
    for (const Parameter& p : params.parameters()) {
      head += !p.name.starts_with(f.prefix);
      EXPECT_EQ(is_of_mlm_head(f, p.name), !classify && !p.name.starts_with(f.prefix)) << p.name;
    }
    EXPECT_EQ(head, classify ? 4u : 5u);
  }
}

// A family that exists in this test alone: other names, and positions from 0.
constexpr std::string_view kTypes[] = {"other"};
constexpr NameAlias kTied[] = {{.stored = "head.copy", .current = "other.words"}};
constexpr UnusedTensors kUnused[] = {{.name = "other.spare.", .reason = "a spare"}};

Family other_family() {
  Family f = default_family();
  f.title = "Other";
  f.model_type = "other";
  f.model_types = kTypes;
  f.positions = PositionRule::kFromZero;
  f.prefix = "other.";
  f.embeddings = {.word = "other.words", .position = "other.places", .token_type = "other.types", .norm = "other.norm"};
  f.layers = "other.layers";
  f.mlm_head = {.architecture = "OtherForMaskedLM", .dense = "head.dense", .norm = "head.norm", .bias = "head.bias"};
  f.bare = {};
  f.tied = kTied;
  f.unused = kUnused;
  return f;
}

// The configuration of tiny_config() in that family; both take sequences of the same length.
EncoderConfig tiny_config_of(const Family& family) {
  EncoderConfig config = tiny_config();
  config.family = &family;
  config.max_position_embeddings = tiny_config().max_length();
  return config;
}

TEST(Family, AnEntryIsEnoughForNamesAndConfig) {
  const Family family = other_family();
  const EncoderConfig config = tiny_config_of(family);
  EXPECT_EQ(EncoderConfig(family).hidden_size, family.defaults.hidden_size);
  EXPECT_EQ(config.max_length(), config.max_position_embeddings);
  const auto model = make_mlm(config, backend(), DType::kF32, Mode::kInference);
  EXPECT_GE(model->params().find("other.words"), 0);
  EXPECT_GE(model->params().find("other.layers.1.attention.self.query.weight"), 0);
  EXPECT_GE(model->params().find("head.norm.bias"), 0);
  for (const Parameter& p : model->params().parameters())
    EXPECT_TRUE(p.name.starts_with("other.") || p.name.starts_with("head.")) << p.name;
  EXPECT_EQ(tensor_name(family, "head.copy").name, "other.words");
  EXPECT_TRUE(tensor_name(family, "head.copy").tied);
  EXPECT_STREQ(why_unused(family, "other.spare.weight"), "a spare");

  TempDir dir;
  model->params().initialise(5, 0.5f);
  save_model(dir.path(), *model);
  const auto written = nlohmann::json::parse(read_file(dir / "config.json"));
  EXPECT_EQ(written["model_type"], "other");
  EXPECT_EQ(written["architectures"][0], "OtherForMaskedLM");
  const auto again = make_mlm(config, backend(), DType::kF32, Mode::kInference);
  EXPECT_TRUE(load_weights(dir.path(), again->params(), config, 1).fresh.empty());
  for (size_t i = 0; i < model->params().parameters().size(); ++i)
    EXPECT_EQ(again->params().read(int(i)), model->params().read(int(i)));
  const auto roberta = tiny_mlm();
  expect_refusal([&] { load_weights(dir.path(), roberta->params(), roberta->config(), 1); },
                 {"no tensor of a RoBERTa encoder in it (the first is 'head.bias')"});
}

// With the rows of its position table moved to the rows that the rule reads, the model computes what RoBERTa computes.
TEST(Family, PositionsFromZeroReadTheRowsFromZero) {
  const Family family = other_family();
  const EncoderConfig config = tiny_config_of(family);
  const auto roberta = tiny_mlm();
  const auto other = make_mlm(config, backend(), DType::kF32, Mode::kTraining);
  for (size_t i = 0; i < roberta->params().parameters().size(); ++i) {
    std::vector<float> values = roberta->params().read(int(i));
    if (other->params().parameters()[i].name == family.embeddings.position)
      values.erase(values.begin(), values.begin() + 2 * config.hidden_size);
    other->params().write(int(i), values.data());
  }
  other->params().weights_changed();
  std::vector<Example> examples = tiny_examples(config);
  for (Example& e : examples) std::replace(e.ids.begin(), e.ids.end(), config.pad_token_id, 7);
  const PackedBatch batch = pack(config, examples, false);
  std::vector<float> expected, hidden;
  roberta->reserve(capacity_of(batch), Mode::kInference);
  roberta->hidden_states(batch, expected);
  other->reserve(capacity_of(batch), Mode::kTraining);
  other->hidden_states(batch, hidden);
  EXPECT_EQ(hidden, expected);
  expect_refusal([&] { other->forward_backward(batch, 1, 1); },
                 {"positions start at 0", "row 1 of the position table"});
}

}  // namespace
}  // namespace encore::test
