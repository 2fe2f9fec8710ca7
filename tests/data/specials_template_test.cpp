// The template of special tokens: its sources, and its effect on ids, sequences and files.
#include "data/tokenizer/specials_template.h"

#include <nlohmann/json.hpp>

#include "data/sequences/dataset.h"
#include "data/sequences/masking.h"
#include "data/tokenizer/tokenizer_data.h"
#include "tests/data/data_fixtures.h"

namespace encore {
namespace {

using namespace fixtures;
using Ids = std::vector<int32_t>;
using nlohmann::json;

constexpr int32_t kCls = 261, kSep = 262;

// The folder of byte_tokenizer() with two more added tokens, [CLS] and [SEP].
struct Folder {
  TempDir dir;
  Folder() {
    byte_tokenizer().save(dir.path());
    edit("tokenizer.json", [](json& j) {
      for (const auto& [name, id] : {std::pair("[CLS]", kCls), std::pair("[SEP]", kSep)})
        j["added_tokens"].push_back({{"id", id}, {"content", name}, {"special", true}});
    });
  }
  template <class Edit>
  void edit(const std::string& name, Edit change) {
    std::ifstream file(dir.file(name));
    json j = json::parse(file);
    change(j);
    dir.write(name, j.dump());
  }
  void post_processor(const json& processor) {
    edit("tokenizer.json", [&](json& j) { j["post_processor"] = processor; });
  }
  Tokenizer load() const { return Tokenizer::load(dir.path()); }
};

json special(const char* name) {
  return {{"SpecialToken", {{"id", name}, {"type_id", 0}}}};
}
json text(const char* which) {
  return {{"Sequence", {{"id", which}, {"type_id", 0}}}};
}
json special_tokens() {
  return {{"[CLS]", {{"id", "[CLS]"}, {"ids", {kCls}}, {"tokens", {"[CLS]"}}}},
          {"[SEP]", {{"id", "[SEP]"}, {"ids", {kSep}}, {"tokens", {"[SEP]"}}}},
          {"both", {{"id", "both"}, {"ids", {kCls, kSep}}, {"tokens", {"[CLS]", "[SEP]"}}}}};
}
json bert_template() {
  return {{"type", "TemplateProcessing"},
          {"single", {special("[CLS]"), text("A"), special("[SEP]")}},
          {"pair", {special("[CLS]"), text("A"), special("[SEP]"), text("B"), special("[SEP]")}},
          {"special_tokens", special_tokens()}};
}
json pair_processor(const char* type, int32_t cls = kCls, const char* cls_name = "[CLS]") {
  return {{"type", type}, {"cls", {cls_name, cls}}, {"sep", {"[SEP]", kSep}}};
}

TEST(SpecialsTemplate, DefaultIsRobertasAndLeavesTheFingerprintAlone) {
  const Tokenizer t = byte_tokenizer();
  EXPECT_EQ(t.specials(), SpecialsTemplate::roberta(kBos, kEos));
  EXPECT_EQ(t.specials().single.size(), 2u);
  EXPECT_EQ(t.specials().pair.size(), 4u);
  // Keys of existing token caches.
  EXPECT_EQ(t.fingerprint(), 0xbb379029981b668bull);
  EXPECT_EQ(byte_tokenizer({{"a", "b"}, {"ab", "c"}}).fingerprint(), 0xdd48980d478c0565ull);
}

TEST(SpecialsTemplate, FromThePostProcessor) {
  Folder folder;
  const uint64_t by_default = folder.load().fingerprint();
  EXPECT_EQ(folder.load().specials(), SpecialsTemplate::roberta(kBos, kEos));
  const Ids a{10, 11}, b{20};

  folder.post_processor(pair_processor("RobertaProcessing"));
  EXPECT_EQ(folder.load().specials(), SpecialsTemplate::roberta(kCls, kSep));
  EXPECT_EQ(folder.load().build_inputs(a), (Ids{kCls, 10, 11, kSep}));
  EXPECT_EQ(folder.load().build_inputs(a, b), (Ids{kCls, 10, 11, kSep, kSep, 20, kSep}));
  EXPECT_NE(folder.load().fingerprint(), by_default);

  folder.post_processor(pair_processor("BertProcessing"));
  EXPECT_EQ(folder.load().specials(), SpecialsTemplate::bert(kCls, kSep));
  EXPECT_EQ(folder.load().build_inputs(a, b), (Ids{kCls, 10, 11, kSep, 20, kSep}));
  EXPECT_EQ(folder.load().build_inputs(a, b, 5), (Ids{kCls, 10, kSep, 20, kSep}));

  const uint64_t by_bert = folder.load().fingerprint();
  folder.post_processor(bert_template());
  EXPECT_EQ(folder.load().specials(), SpecialsTemplate::bert(kCls, kSep));
  EXPECT_EQ(folder.load().fingerprint(), by_bert) << "the template counts, not how it is written";

  folder.post_processor({{"type", "Sequence"}, {"processors", {{{"type", "ByteLevel"}}, bert_template()}}});
  EXPECT_EQ(folder.load().specials(), SpecialsTemplate::bert(kCls, kSep));
}

TEST(SpecialsTemplate, OfSeveralTokensAndOneSided) {
  Folder folder;
  json processor = bert_template();
  processor["single"] = {special("both"), text("A")};
  folder.post_processor(processor);
  const Tokenizer t = folder.load();
  EXPECT_EQ(t.specials().single.before, (Ids{kCls, kSep}));
  EXPECT_TRUE(t.specials().single.after.empty());
  EXPECT_EQ(t.build_inputs(Ids{9}), (Ids{kCls, kSep, 9}));
  EXPECT_THROW(t.build_inputs(Ids{9}, 1), Error);
}

// A post-processor without special tokens around a text does not count.
TEST(SpecialsTemplate, OtherPostProcessorsLeaveTheDefault) {
  Folder folder;
  const uint64_t by_default = folder.load().fingerprint();
  json bare = bert_template();
  bare["single"] = json::array({text("A")});
  bare["pair"] = {text("A"), text("B")};
  for (const json& processor : {json(nullptr), json({{"type", "ByteLevel"}}), json({{"type", "Unheard"}}), bare}) {
    folder.post_processor(processor);
    EXPECT_EQ(folder.load().specials(), SpecialsTemplate::roberta(kBos, kEos)) << processor;
    EXPECT_EQ(folder.load().fingerprint(), by_default) << processor;
  }
}

TEST(SpecialsTemplate, FromClsAndSepOfTheConfig) {
  Folder folder;
  folder.post_processor(nullptr);
  const auto name = [&](json cls, json sep) {
    folder.edit("tokenizer_config.json", [&](json& j) { j["cls_token"] = cls, j["sep_token"] = sep; });
  };
  name("[CLS]", {{"content", "[SEP]"}, {"lstrip", true}});
  const Tokenizer t = folder.load();
  EXPECT_EQ(t.specials(), SpecialsTemplate::roberta(kCls, kSep));
  EXPECT_EQ(t.encode("a [SEP]"), (Ids{id_of('a'), id_of(' '), kSep})) << "the flags are those of the added token";
  name("[CLS]", "[NONE]");
  EXPECT_EQ(folder.load().specials(), SpecialsTemplate::roberta(kBos, kEos)) << "the vocabulary has no [NONE]";
  name("[CLS]", "[SEP]");
  folder.post_processor(pair_processor("BertProcessing"));
  EXPECT_EQ(folder.load().specials(), SpecialsTemplate::bert(kCls, kSep)) << "tokenizer.json comes first";
}

TEST(SpecialsTemplate, ItsTokensAreSpecial) {
  Folder folder;
  folder.edit("tokenizer.json", [](json& j) {
    for (json& added : j["added_tokens"]) added["special"] = false;
  });
  EXPECT_FALSE(folder.load().is_special(kCls));
  folder.post_processor(bert_template());
  EXPECT_TRUE(folder.load().is_special(kCls));
  EXPECT_TRUE(folder.load().is_special(kSep));
}

TEST(SpecialsTemplate, IsWritten) {
  Folder folder;
  for (const json& processor : {pair_processor("RobertaProcessing"), bert_template()}) {
    folder.post_processor(processor);
    const Tokenizer t = folder.load();
    for (const auto& [name, bytes] : render_tokenizer_files(t.data(), 64)) folder.dir.write(name, bytes);
    EXPECT_EQ(folder.load().specials(), t.specials());
    EXPECT_EQ(folder.load().fingerprint(), t.fingerprint());
  }
  std::ifstream config(folder.dir.file("tokenizer_config.json"));
  const json j = json::parse(config);
  EXPECT_EQ(j.at("cls_token"), "[CLS]");
  EXPECT_EQ(j.at("tokenizer_class"), "PreTrainedTokenizerFast") << "RobertaTokenizer has a template of its own";
}

TEST(SpecialsTemplate, Refusals) {
  Folder folder;
  const auto message = [&](const json& processor) {
    folder.post_processor(processor);
    return error_of([&] { folder.load(); });
  };
  expect_parts(message(pair_processor("RobertaProcessing", 5)), {"tokenizer.json", "[CLS]", "5", "261"});
  expect_parts(message(pair_processor("BertProcessing", 5, "[X]")), {"post_processor", "no token", "[X]"});
  expect_parts(message({{"type", "BertProcessing"}, {"cls", "[CLS]"}}), {"post_processor.cls"});
  json bad = bert_template();
  bad["pair"] = {text("B"), special("[SEP]"), text("A")};
  expect_parts(message(bad), {"post_processor.pair", "order"});
  bad["pair"] = {text("A")};
  expect_parts(message(bad), {"post_processor.pair", "lacks a text"});
  bad["pair"] = {text("A"), text("B"), text("B")};
  expect_parts(message(bad), {"post_processor.pair"});
  bad = bert_template();
  bad["single"] = {special("[MASK]"), text("A")};
  expect_parts(message(bad), {"special_tokens", "[MASK]"});
  bad["single"] = {text("A"), 7};
  expect_parts(message(bad), {"post_processor.single", "neither"});
}

TEST(SpecialsTemplate, AroundSequences) {
  Folder folder;
  json processor = bert_template();
  processor["single"] = {special("both"), text("A"), special("[SEP]")};
  folder.post_processor(processor);
  const Tokenizer t = folder.load();
  const TokenCacheOptions cache{
      .corpus = {.files = {folder.dir.write("a.txt", "abcde\nfg\n")}}, .dir = folder.dir.path(), .threads = 1};
  const auto objective = make_masking({.mlm_probability = 1e-9}, t);
  const auto ids = [&](const LayoutOptions& layout) {
    const Dataset data = Dataset::open({.cache = cache, .layout = layout}, t);
    PackedBatch batch;
    int64_t tokens = 0;
    for (int64_t e = 0; e < data.train()->examples(); ++e) {
      data.train()->append(e, 0, *objective, batch);
      tokens += data.train()->example_tokens(e);
      EXPECT_LE(data.train()->example_tokens(e), layout.seq_length);
    }
    EXPECT_EQ(tokens, int64_t(batch.ids.size()));
    EXPECT_EQ(data.ledger().specials_added, int64_t(batch.ids.size()) - 7);
    std::string line;
    for (const int32_t id : batch.ids) line += id == kCls ? '<' : id == kSep ? '|' : char(id - 4);
    return line;
  };
  EXPECT_EQ(ids({.mode = SequenceMode::kSplit, .seq_length = 6}), "<|abc|<|de|<|fg|");
  EXPECT_EQ(ids({.mode = SequenceMode::kPack, .seq_length = 6}), "<|abc|<|de|<|fg|");
  EXPECT_EQ(ids({.mode = SequenceMode::kFull, .seq_length = 12}), "<|abcde|<|f|<|g|");
  EXPECT_EQ(ids({.seq_length = 10, .cross_document_attention = true}), "<|abcde|f|<|g|");
  expect_parts(error_of([&] { ids({.seq_length = 3}); }),
               {"sequences of 3 tokens", "4", "[CLS], [SEP], a token, [SEP]"});
  expect_parts(error_of([&] { ids({.mode = SequenceMode::kSplit, .seq_length = 6, .stride = 3}); }),
               {"overlap by 3", "the sequence length - 3 = 3"});
}

}  // namespace
}  // namespace encore
