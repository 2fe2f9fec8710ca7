#include "data/sequences/labelled.h"

#include "kernels/base/rng.h"
#include "tests/data/data_fixtures.h"

namespace encore {
namespace {

using namespace fixtures;
using Strings = std::vector<std::string>;

TEST(Labelled, Jsonl) {
  TempDir dir;
  const auto rows = read_labelled(
      dir.write(
          "a.jsonl",
          "{\"text\": \"one\", \"label\": \"POS\", \"id\": 17}\n\n"
          "{\"label\": 1, \"text\": \"two\", \"id\": \"a\\\"b\"}\n{\"text\": \"\", \"label\": true, \"id\": null}\n"),
      {});
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].text, "one");
  EXPECT_EQ(rows[0].label, "POS");
  EXPECT_EQ(rows[0].id, "17");
  EXPECT_FALSE(rows[0].pair);
  EXPECT_EQ(rows[1].label, "1");
  EXPECT_EQ(rows[1].id, "\"a\\\"b\"");
  EXPECT_EQ(rows[1].line, 3);
  EXPECT_EQ(rows[2].label, "true");
  EXPECT_EQ(rows[2].id, "null");
}

// Every kind of value as it came, to the character.
TEST(Labelled, IdsAsTheyCame) {
  TempDir dir;
  const Strings ids{R"({"$oid": "5f1",  "n":[1, {"a":null}]})",
                    "1.0",
                    "12345678901234567890123",
                    R"("caf\u00e9")",
                    "[ ]",
                    "true",
                    "-0.50e+3",
                    "{}"};
  std::string text;
  for (const std::string& id : ids)
    text += "{\"id\": " + id + " ,\"text\":\"x\"}\n{\"text\":\"x\",\"id\":" + id + "\t}\r\n";
  const auto rows = read_labelled(dir.write("a.jsonl", text), {.label_field = ""});
  ASSERT_EQ(rows.size(), 2 * ids.size());
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].id, ids[i / 2]);
}

TEST(Labelled, NumbersAreOneLabel) {
  EXPECT_EQ(number_label("1"), "1");
  for (const char* one : {"1.0", "1e0", "10e-1", "0.1E+1", "1.000"}) EXPECT_EQ(number_label(one), "1") << one;
  for (const char* zero : {"-0", "0.0", "-0.0e5", "0e99999999999999999999999"})
    EXPECT_EQ(number_label(zero), "0") << zero;
  EXPECT_EQ(number_label("-10"), "-10");
  EXPECT_EQ(number_label("1e3"), "1000");
  EXPECT_EQ(number_label("0.50"), "0.5");
  EXPECT_EQ(number_label("5e-1"), "0.5");
  EXPECT_EQ(number_label("12.34"), "12.34");
  EXPECT_EQ(number_label("-0.0012"), "-0.0012");
  EXPECT_EQ(number_label("123456789012345678901234567890"), "123456789012345678901234567890");
  EXPECT_NE(number_label("9007199254740993"), number_label("9007199254740992")) << "exact beyond doubles";
  EXPECT_EQ(number_label("1e400"), number_label("10e399"));
  EXPECT_EQ(number_label("1e-400"), "1e-400");

  TempDir dir;
  const auto names = [&](const char* name, const std::string& text) {
    return LabelMap::from_rows(read_labelled(dir.write(name, text), {})).names();
  };
  EXPECT_EQ(names("a.jsonl", R"({"text":"a","label":1}
{"text":"b","label":0}
{"text":"c","label":1.0}
{"text":"d","label":-0.0}
)"),
            (Strings{"0", "1"}));
  EXPECT_EQ(names("b.jsonl", R"({"text":"a","label":"1.0"}
{"text":"b","label":"1"}
{"text":"b","label":true}
)"),
            (Strings{"1", "1.0", "true"}))
      << "strings are names";
  EXPECT_EQ(names("a.csv", "text,label\na,1.0\nb,0\nc,1\nd,1.10\ne,01\nf,-0.0\n"), (Strings{"0", "01", "1", "1.10"}));
  EXPECT_EQ(LabelMap(Strings{"0.0", "1.0"}).find("1"), 1) << "a model's names made from floats";
  EXPECT_EQ(LabelMap(Strings{"0", "1"}).find("1.0"), 1);
  EXPECT_EQ(LabelMap(Strings{"1.1"}).find("1.10"), -1);
}

TEST(Labelled, CsvPairsPacked) {
  TempDir dir;
  const auto rows = read_labelled(dir.write("a.tsv.gz", gzip("id\tq\tgold\tp\n007\t\"a\tb\"\tx\tother\n12\tc\ty\t\n")),
                                  {.text_field = "q", .text_pair_field = "p", .label_field = "gold"});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].text, "a\tb");
  EXPECT_EQ(rows[0].text_pair, "other");
  EXPECT_EQ(rows[0].label, "x");
  EXPECT_EQ(rows[0].id, "\"007\"");
  EXPECT_EQ(rows[1].id, "12");
  EXPECT_TRUE(rows[1].pair);
}

TEST(Labelled, WithoutLabels) {
  TempDir dir;
  const LabelledOptions predict{.label_field = ""};
  EXPECT_EQ(read_labelled(dir.write("a.jsonl", "{\"text\": \"x\", \"label\": [3]}\n"), predict)[0].label, "");
  const auto rows = read_labelled(dir.write("a.txt", "one\ntwo\n"), predict);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].text, "two");
}

TEST(Labelled, Errors) {
  TempDir dir;
  const auto message = [&](const std::string& name, std::string_view bytes, LabelledOptions options = {}) {
    return error_of([&] { read_labelled(dir.write(name, bytes), options); });
  };
  expect_parts(message("a.jsonl", "{\"text\": \"x\", \"gold\": 1}\n"), {"a.jsonl", "line 1", "'label'", "text, gold"});
  expect_parts(message("a.jsonl", "{\"label\": 1}\n"), {"a.jsonl", "line 1", "'text'"});
  expect_parts(message("a.jsonl", "{\"text\": \"x\", \"label\": null}\n"), {"line 1", "'label'", "null"});
  expect_parts(message("a.jsonl", "{\"text\": \"x\", \"label\": \"\"}\n"), {"line 1", "'label'", "empty"});
  expect_parts(message("a.jsonl", "{\"text\": \"x\", \"label\": {}}\n"), {"line 1", "'label'"});
  expect_parts(message("a.jsonl", "{\"text\": \"x\", \"label\": 1}\n", {.text_pair_field = "b"}), {"line 1", "'b'"});
  expect_parts(message("a.csv", "text,label\nx,\n"), {"a.csv", "line 2", "'label'", "empty"});
  expect_parts(message("a.csv", "text,label\n"), {"a.csv", "no rows"});
  expect_parts(message("a.txt", "x\n"), {"a.txt", "labels"});
  expect_parts(error_of([&] { read_labelled(dir.file("none.jsonl"), {}); }), {"none.jsonl", "No such file"});
}

std::vector<LabelledRow> rows_with(const Strings& labels) {
  std::vector<LabelledRow> rows;
  for (const std::string& label : labels)
    rows.push_back({.text = "t", .label = label, .line = int64_t(rows.size()) + 1});
  return rows;
}

TEST(LabelMap, Order) {
  EXPECT_EQ(LabelMap::from_rows(rows_with({"b", "a", "b", "C"})).names(), (Strings{"C", "a", "b"}));
  EXPECT_EQ(LabelMap::from_rows(rows_with({"10", "9", "-1", "10"})).names(), (Strings{"-1", "9", "10"}));
  EXPECT_EQ(LabelMap::from_rows(rows_with({"10", "9", "x"})).names(), (Strings{"10", "9", "x"}));
  const LabelMap map(Strings{"b", "a"});
  EXPECT_EQ(map.find("b"), 0);
  EXPECT_EQ(map.find("a"), 1);
  EXPECT_EQ(map.find("c"), -1);
  expect_parts(error_of([] { LabelMap(Strings{"a", "a"}); }), {"'a'", "twice"});
}

TEST(Labelled, TokenizedAndCut) {
  std::vector<LabelledRow> rows{
      {.text = "abc", .label = "y"}, {.text = "abcdefgh", .label = "x"}, {.text = "", .label = "x"}};
  const LabelMap map = LabelMap::from_rows(rows);
  const ClassificationSet set = tokenize_rows(rows, "f", byte_tokenizer(), map, 6, 2);
  ASSERT_EQ(set.size(), 3);
  EXPECT_EQ(set.label, (std::vector<int32_t>{1, 0, 0}));
  EXPECT_EQ(set.offset, (std::vector<int64_t>{0, 5, 11, 13}));
  EXPECT_EQ(set.truncated_rows, 1);
  EXPECT_EQ(set.tokens[0], kBos);
  EXPECT_EQ(set.tokens[4], kEos);
  EXPECT_EQ(set.tokens[9], id_of('d'));
  const PackedBatch batch = make_classification_batch(set, {2, 0}, 3);
  EXPECT_EQ(batch.ids, (std::vector<int32_t>{kBos, kEos, kBos, id_of('a'), id_of('b'), id_of('c'), kEos}));
  EXPECT_EQ(batch.cu_seqlens, (std::vector<int32_t>{0, 2, 7}));
  EXPECT_EQ(batch.class_labels, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(batch.example_keys, (std::vector<uint64_t>{example_key(3, 2), example_key(3, 0)}));
  EXPECT_EQ(batch.targets(), 0);
  EXPECT_EQ(batch.row_position, (std::vector<int32_t>{0, 1, 0, 1, 2, 3, 4}));
}

TEST(Labelled, Pairs) {
  std::vector<LabelledRow> rows{{.text = "ab", .text_pair = "c", .pair = true},
                                {.text = "ab", .text_pair = "", .pair = true}};
  const ClassificationSet set = tokenize_rows(rows, "f", byte_tokenizer(), LabelMap(), 32);
  EXPECT_EQ(std::vector<int32_t>(set.tokens.begin(), set.tokens.begin() + 7),
            (std::vector<int32_t>{kBos, id_of('a'), id_of('b'), kEos, kEos, id_of('c'), kEos}));
  EXPECT_EQ(set.length(1), 6);
  EXPECT_EQ(set.label, (std::vector<int32_t>{-1, -1}));
  EXPECT_EQ(set.truncated_rows, 0);
  EXPECT_TRUE(make_classification_batch(set, {0, 1}, 0).class_labels.empty());
}

TEST(Labelled, PairsCut) {
  const std::vector<LabelledRow> rows{{.text = "abcd", .text_pair = "ef", .pair = true}};
  const ClassificationSet fits = tokenize_rows(rows, "f", byte_tokenizer(), LabelMap(), 10);
  EXPECT_EQ(fits.length(0), 10);
  EXPECT_EQ(fits.truncated_rows, 0);
  const ClassificationSet cut = tokenize_rows(rows, "f", byte_tokenizer(), LabelMap(), 9);
  EXPECT_EQ(cut.length(0), 9);
  EXPECT_EQ(cut.truncated_rows, 1);
}

TEST(Labelled, UnseenLabel) {
  const auto rows = rows_with({"a", "b", "z"});
  expect_parts(error_of([&] {
                 tokenize_rows(rows, "dev.csv", byte_tokenizer(), LabelMap(Strings{"a", "b"}), 32);
               }),
               {"dev.csv", "line 3", "'z'", "unseen in training", "a, b"});
}

TEST(Labelled, RealTask) {
  const std::string path = shared_path("data/tasks/chemprot/train.jsonl.zst");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "skipped: no shared data";
  const auto rows = read_labelled(path, {});
  EXPECT_EQ(rows.size(), 4169u);
  EXPECT_EQ(LabelMap::from_rows(rows).size(), 13);
  const auto tokenizer = Tokenizer::load(shared_path("data/tokenizer/roberta-base"));
  const ClassificationSet set = tokenize_rows(rows, path, tokenizer, LabelMap::from_rows(rows), 100000);
  EXPECT_EQ(int64_t(set.tokens.size()), 253261 + 2 * 4169);
}

}  // namespace
}  // namespace encore
