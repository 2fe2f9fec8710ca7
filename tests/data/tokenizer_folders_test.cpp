// Tokenizer folders as people have them: classes, added tokens in all forms, roles, vocabularies with gaps. The right
// values are what transformers 4.46 and 5.24 give.
#include <nlohmann/json.hpp>

#include "data/tokenizer/tokenizer_data.h"
#include "tests/data/data_fixtures.h"

namespace encore {
namespace {

using namespace fixtures;
using Ids = std::vector<int32_t>;
using nlohmann::json;

// The folder of byte_tokenizer(), whose vocabulary ends at 260.
struct Folder {
  TempDir dir;
  Folder() { byte_tokenizer().save(dir.path()); }
  template <class Edit>
  Folder& edit(const std::string& name, Edit change) {
    std::ifstream file(dir.file(name));
    json j = json::parse(file);
    change(j);
    dir.write(name, j.dump());
    return *this;
  }
  Folder& config(const json& j) {
    dir.write("tokenizer_config.json", j.dump());
    return *this;
  }
  Folder& remove(const std::string& name) {
    std::filesystem::remove(dir.file(name));
    return *this;
  }
  Tokenizer load() const { return Tokenizer::load(dir.path()); }
};

json token(const char* content, bool special) {
  return {{"content", content}, {"special", special}};
}

Ids letters(std::string_view text) {
  Ids ids;
  for (const char c : text) ids.push_back(id_of(c));
  return ids;
}
Ids joined(std::initializer_list<Ids> parts) {
  Ids ids;
  for (const Ids& part : parts) ids.insert(ids.end(), part.begin(), part.end());
  return ids;
}

TEST(TokenizerFolders, AddedTokensBesideTokenizerJson) {
  const auto with_list = [](Folder& folder, const char* key, const json& value) {
    return folder.config({{"tokenizer_class", "RobertaTokenizer"}, {key, value}}).load();
  };
  const Ids expected = joined({letters("a "), {261}, letters("b"), {262}});
  const std::string text = "a <e>b</e>";
  Folder a, b, c, d, e;
  a.dir.write("added_tokens.json", R"({"<e>": 261, "</e>": 262})");
  EXPECT_EQ(a.load().encode(text), expected);
  EXPECT_FALSE(a.load().is_special(261));
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    EXPECT_EQ(with_list(b, key, {"<e>", "</e>"}).encode(text), expected) << key;
    EXPECT_TRUE(b.load().is_special(262)) << key;
  }
  EXPECT_EQ(with_list(c, "extra_special_tokens", {{"a_token", "<e>"}, {"b_token", "</e>"}}).encode(text), expected);
  EXPECT_EQ(
      with_list(d, "added_tokens_decoder", {{"261", token("<e>", true)}, {"262", token("</e>", false)}}).encode(text),
      expected);
  e.dir.write("special_tokens_map.json",
              R"({"additional_special_tokens": [{"content": "<e>", "lstrip": true}, "</e>"]})");
  EXPECT_EQ(e.load().encode(text), joined({letters("a"), {261}, letters("b"), {262}}));
}

TEST(TokenizerFolders, RolesThatOnlyAddedTokensName) {
  Folder folder;
  folder.edit("vocab.json", [](json& j) {
    for (const char* name : {"<s>", "<pad>", "</s>", "<unk>", "<mask>"}) j.erase(name);
  });
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}) folder.remove(name);
  folder.dir.write("added_tokens.json", R"({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 260})");
  const Tokenizer t = folder.load();
  EXPECT_EQ(t.mask_id(), 260);
  EXPECT_EQ(t.pad_id(), 1);
  EXPECT_EQ(t.build_inputs(letters("a")), (Ids{0, id_of('a'), 2}));
  EXPECT_EQ(t.encode("a <mask>"), (Ids{id_of('a'), 260})) << "takes the blank before it";
}

TEST(TokenizerFolders, OnlyRobertasMaskTakesTheBlankBeforeIt) {
  for (const bool roberta : {true, false}) {
    Folder folder;
    folder.remove("tokenizer.json").remove("special_tokens_map.json");
    folder.config({{"tokenizer_class", roberta ? "RobertaTokenizer" : "GPT2TokenizerFast"}, {"mask_token", "<mask>"}});
    EXPECT_EQ(folder.load().encode("a <mask>"), roberta ? (Ids{id_of('a'), 260}) : joined({letters("a "), {260}}));
  }
}

TEST(TokenizerFolders, RolesOutsideOfTheVocabularyAreNotInvented) {
  Folder folder;
  folder.edit("tokenizer_config.json", [](json& j) {
    j["mask_token"] = {{"content", "[MASK]"}, {"lstrip", true}};
    j["bos_token"] = "[BOS]";
  });
  const Tokenizer t = folder.load();
  EXPECT_EQ(t.vocab_size(), 261);
  EXPECT_EQ(t.mask_id(), -1);
  EXPECT_EQ(t.bos_id(), -1);
  EXPECT_EQ(t.build_inputs(letters("a")), (Ids{kBos, id_of('a'), kEos}));
  ASSERT_EQ(t.notes().size(), 2u);
  expect_parts(t.notes()[1], {"tokenizer_config.json", "mask_token", "[MASK]", "not in the vocabulary"});
}

TEST(TokenizerFolders, ClsAndSepFrameNotBosAndEos) {
  Folder folder;
  folder.remove("tokenizer.json").edit("vocab.json", [](json& j) { j["[CLS]"] = 261, j["[SEP]"] = 262; });
  folder.edit("special_tokens_map.json", [](json& j) { j["cls_token"] = "[CLS]", j["sep_token"] = "[SEP]"; });
  folder.config({{"tokenizer_class", "RobertaTokenizer"}});
  EXPECT_EQ(folder.load().build_inputs(letters("a")), (Ids{261, id_of('a'), 262}));
  EXPECT_EQ(folder.load().bos_id(), kBos);
}

struct PrefixCase {
  const char* tokenizer_class;  // "": none
  const char* model_type;       // of config.json; "": no file
  int config;                   // add_prefix_space of tokenizer_config.json; -1: none
  bool file;                    // that of tokenizer.json
  bool expected;
};

TEST(TokenizerFolders, PrefixSpaceByClass) {
  for (const PrefixCase& c : std::vector<PrefixCase>{{"RobertaTokenizer", "", -1, true, false},
                                                     {"RobertaTokenizerFast", "", 1, false, true},
                                                     {"RobertaTokenizer", "", 0, true, false},
                                                     {"GPT2Tokenizer", "", -1, true, false},
                                                     {"PreTrainedTokenizerFast", "", -1, true, true},
                                                     {"PreTrainedTokenizerFast", "", 0, true, true},
                                                     {"TokenizersBackend", "roberta", 1, false, false},
                                                     {"", "roberta", -1, true, false},
                                                     {"", "roberta", 1, true, true},
                                                     {"", "", -1, true, true}}) {
    Folder folder;
    json config = json::object();
    if (*c.tokenizer_class) config["tokenizer_class"] = c.tokenizer_class;
    if (c.config >= 0) config["add_prefix_space"] = c.config == 1;
    folder.config(config).edit("tokenizer.json", [&](json& j) { j["pre_tokenizer"]["add_prefix_space"] = c.file; });
    if (*c.model_type) folder.dir.write("config.json", json({{"model_type", c.model_type}}).dump());
    const Tokenizer t = folder.load();
    EXPECT_EQ(t.add_prefix_space(), c.expected) << c.tokenizer_class << c.model_type << c.config << c.file;

    // What is saved says what was used, with config.json and without.
    TempDir saved;
    t.save(saved.path());
    EXPECT_EQ(Tokenizer::load(saved.path()).fingerprint(), t.fingerprint());
    std::ifstream file(saved.file("tokenizer.json"));
    EXPECT_EQ(json::parse(file)["pre_tokenizer"]["add_prefix_space"], c.expected) << c.tokenizer_class;
  }
}

TEST(TokenizerFolders, ClassesThatFrameNothing) {
  for (const char* name : {"GPT2Tokenizer", "PreTrainedTokenizerFast", "TokenizersBackend"}) {
    Folder folder;
    folder.config({{"tokenizer_class", name}}).edit("tokenizer.json", [](json& j) { j["post_processor"] = nullptr; });
    EXPECT_TRUE(folder.load().specials().empty()) << name;
    expect_parts(error_of([&] { folder.load().build_inputs(letters("a")); }), {"tokenizer_class", "RobertaTokenizer"});
    folder.config({{"tokenizer_class", "RobertaTokenizer"}});
    EXPECT_EQ(folder.load().specials(), SpecialsTemplate::roberta(kBos, kEos));
  }
}

TEST(TokenizerFolders, SavedWithTokensOfOtherFiles) {
  Folder folder;
  folder.dir.write("added_tokens.json", R"({"covid": 261})");
  folder.edit("tokenizer.json", [](json& j) { j["post_processor"] = {{"type", "ByteLevel"}}; });
  const Tokenizer t = folder.load();
  TempDir saved;
  t.save(saved.path());
  for (const char* other : {"added_tokens.json", "tokenizer_config.json"}) std::filesystem::remove(saved.file(other));
  const Tokenizer alone = Tokenizer::load(saved.path());
  EXPECT_EQ(alone.fingerprint(), t.fingerprint()) << "tokenizer.json alone says what was used";
  EXPECT_EQ(alone.encode("a covid"), joined({letters("a "), {261}}));
}

TEST(TokenizerFolders, SingleWordAndNormalizedTokens) {
  Folder folder;
  folder.edit("tokenizer.json", [](json& j) {
    j["added_tokens"].push_back({{"id", 261}, {"content", "cov"}, {"single_word", true}, {"normalized", true}});
    j["added_tokens"].push_back({{"id", 262}, {"content", "b<x"}, {"normalized", true}});
    j["added_tokens"].push_back({{"id", 263}, {"content", "<x>"}, {"normalized", false}});
  });
  const Tokenizer t = folder.load();
  EXPECT_EQ(t.encode("cov, cov."), joined({{261}, letters(", "), {261}, letters(".")}));
  EXPECT_EQ(t.encode("covs _cov"), letters("covs _cov"));
  EXPECT_EQ(t.encode("ab<x>"), joined({letters("ab"), {263}})) << "tokens that are not normalized come first";
  EXPECT_EQ(t.encode("ab<xy"), joined({letters("a"), {262}, letters("y")}));
  TempDir saved;
  t.save(saved.path());
  for (const auto& [name, bytes] : render_tokenizer_files(t.data(), 64)) saved.write(name, bytes);
  EXPECT_EQ(Tokenizer::load(saved.path()).fingerprint(), t.fingerprint());
}

TEST(TokenizerFolders, VocabulariesThatLackBytes) {
  Folder folder;
  const auto without = [](json& vocab) { vocab.erase("b"), vocab.erase("c"); };
  folder.edit("vocab.json", without).edit("tokenizer.json", [&](json& j) { without(j["model"]["vocab"]); });
  EXPECT_EQ(folder.load().encode("abca"), letters("aa")) << "left out";
  expect_parts(folder.load().notes().at(0), {"no token for 2", "left out"});
  const auto unk = [&](bool fuse) {
    folder.edit("tokenizer.json", [&](json& j) { j["model"]["unk_token"] = "<unk>", j["model"]["fuse_unk"] = fuse; });
  };
  unk(false);
  EXPECT_EQ(folder.load().encode("abca"), (Ids{id_of('a'), 3, 3, id_of('a')}));
  expect_parts(folder.load().notes().at(0), {"read as <unk>"});
  const uint64_t apart = folder.load().fingerprint();
  unk(true);
  EXPECT_EQ(folder.load().encode("abca"), (Ids{id_of('a'), 3, id_of('a')}));
  EXPECT_NE(folder.load().fingerprint(), apart);
  EXPECT_TRUE(byte_tokenizer().notes().empty());
}

TEST(TokenizerFolders, NumbersBeyond64BitsAndPythonsJson) {
  Folder folder;
  folder.dir.write("tokenizer_config.json", R"({"model_max_length": 1000000000000000019884624838656, "x": [-1e999]})");
  EXPECT_EQ(folder.load().vocab_size(), 261);
  folder.dir.write("tokenizer_config.json", "\xef\xbb\xbf{\"bos_token\": \"<s>\"}");
  EXPECT_EQ(folder.load().bos_id(), kBos) << "a byte order mark, as editors of Windows write it";
  folder.dir.write("tokenizer_config.json", R"({"model_max_length": NaN})");
  expect_parts(error_of([&] { folder.load(); }), {"tokenizer_config.json", "\"model_max_length\" is NaN", "byte 21"});
  folder.dir.write("tokenizer_config.json", R"({"bos_token": "a\ud83d"})");
  expect_parts(error_of([&] { folder.load(); }), {"\"bos_token\" holds \\ud83d", "surrogate"});
}

TEST(TokenizerFolders, SharedCases) {
  struct Case {
    const char* folder;
    std::string text;
    Ids ids;
  };
  for (const Case& c :
       {Case{"cases/case06/tok", "He opened the door", {1, 272, 309, 267, 313, 2}},
        Case{"cases/case07/tok", "a <e1>cell</e1> covid19", {0, 68, 224, 8192, 2565, 8193, 224, 8194, 2}},
        Case{"cases/case08/tok", "Hello world", {0, 280, 80, 80, 83, 225, 91, 83, 86, 80, 72, 2}}}) {
    const std::string path = shared_path(c.folder);
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "skipped: no shared data";
    const Tokenizer t = Tokenizer::load(path);
    EXPECT_EQ(t.build_inputs(t.encode(c.text)), c.ids) << c.folder;
  }
}

}  // namespace
}  // namespace encore
