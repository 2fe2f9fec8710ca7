// The tokenizer with a small vocabulary. tokenizer_vectors_test.cpp has the real ones.
#include "data/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "data/tokenizer/bpe_merge.h"
#include "data/tokenizer/bpe_trainer.h"
#include "data/tokenizer/byte_level_bpe.h"
#include "data/tokenizer/pretokenizer.h"
#include "data/tokenizer/tokenizer_data.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<int32_t>;

const char* const kText =
    "the cat sat on the mat and the dog sat on the log; the cat's mat isn't the dog's log, they're not the same. "
    "12 cats and 112 dogs sat, and caf\u00e9 \u4e2d\u6587 \u4e2d\u6587 caf\u00e9";

const Tokenizer& tiny() {
  static const Tokenizer tokenizer = [] {
    BpeTrainerOptions options;
    options.vocab_size = 320;
    options.threads = 1;
    return train_bpe(
        [done = false](std::string& document) mutable {
          document = kText;
          return !std::exchange(done, true);
        },
        options);
  }();
  return tokenizer;
}

std::string fresh_dir(const std::string& name) {
  const fs::path dir = fs::path(ENCORE_BINARY_DIR) / "test_files" / "tokenizer" / name;
  fs::remove_all(dir);
  fs::create_directories(dir);
  return dir.string();
}

void write(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

TEST(Tokenizer, SpecialTokensInTheText) {
  const Tokenizer& t = tiny();
  const auto id = [&](const char* token) { return t.id_of(token); };
  const Ids the = t.encode("the"), cat = t.encode("cat"), blank_cat = t.encode(" cat");
  const auto joined = [](std::initializer_list<Ids> parts) {
    Ids all;
    for (const Ids& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
  };
  EXPECT_EQ(t.encode("the <mask> cat"), joined({the, {t.mask_id()}, blank_cat})) << "<mask> takes the blank before it";
  EXPECT_EQ(t.encode("the \t\u3000<mask>cat"), joined({the, {t.mask_id()}, cat}));
  EXPECT_EQ(t.encode("the</s>cat"), joined({the, {t.eos_id()}, cat}));
  EXPECT_EQ(t.encode("the </s>cat"), joined({the, {id("\u0120")}, {t.eos_id()}, cat})) << "</s> takes nothing";
  EXPECT_EQ(t.encode("<s><s><mask> <mask>"), (Ids{t.bos_id(), t.bos_id(), t.mask_id(), t.mask_id()}));
  EXPECT_EQ(t.encode("<mas>"), t.encode("<mas>", SpecialText::kAsText));
  EXPECT_EQ(t.decode(t.encode("the <mask> cat")), "the<mask> cat");
  EXPECT_EQ(t.decode(t.encode("the <mask> cat"), true), "the cat");
  for (const int32_t i : t.encode("the <mask> cat </s>", SpecialText::kAsText)) EXPECT_FALSE(t.is_special(i));
  EXPECT_EQ(t.decode(t.encode("the <mask> cat </s>", SpecialText::kAsText)), "the <mask> cat </s>");
  EXPECT_TRUE(t.is_special(t.mask_id()));
  EXPECT_FALSE(t.is_special(id("\u0120the")));
  EXPECT_FALSE(t.is_special(-1));
  EXPECT_FALSE(t.is_special(t.vocab_size()));
}

TEST(Tokenizer, WordStarts) {
  const Tokenizer& t = tiny();
  Ids ids;
  std::vector<uint8_t> starts;
  t.encode_words("xyz the <mask> cat's q", ids, starts);
  EXPECT_EQ(ids, t.encode("xyz the <mask> cat's q"));
  ASSERT_EQ(starts.size(), ids.size());
  std::vector<std::string> words;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (starts[i]) words.emplace_back();
    ASSERT_FALSE(words.empty());
    words.back() += t.decode({&ids[i], 1});
  }
  EXPECT_EQ(words, (std::vector<std::string>{"xyz", " the", "<mask>", " cat", "'s", " q"}));
  EXPECT_EQ(std::vector<uint8_t>(starts.begin(), starts.begin() + 3), (std::vector<uint8_t>{1, 0, 0}));
}

TEST(Tokenizer, InputsAndTruncation) {
  const Tokenizer& t = tiny();
  const Ids a = {10, 11, 12, 13, 14}, b = {20, 21, 22};
  EXPECT_EQ(t.build_inputs(Ids{}), (Ids{0, 2}));
  EXPECT_EQ(t.build_inputs(a), (Ids{0, 10, 11, 12, 13, 14, 2}));
  EXPECT_EQ(t.build_inputs(a, 7), (Ids{0, 10, 11, 12, 13, 14, 2}));
  EXPECT_EQ(t.build_inputs(a, 5), (Ids{0, 10, 11, 12, 2}));
  EXPECT_EQ(t.build_inputs(a, 2), (Ids{0, 2}));
  EXPECT_EQ(t.build_inputs(a, b), (Ids{0, 10, 11, 12, 13, 14, 2, 2, 20, 21, 22, 2}));
  EXPECT_EQ(t.build_inputs(a, b, 11), (Ids{0, 10, 11, 12, 13, 2, 2, 20, 21, 22, 2})) << "the longer one is cut first";
  EXPECT_EQ(t.build_inputs(b, a, 11), (Ids{0, 20, 21, 22, 2, 2, 10, 11, 12, 13, 2}));
  EXPECT_EQ(t.build_inputs(a, b, 9), (Ids{0, 10, 11, 12, 2, 2, 20, 21, 2})) << "then both, the longer keeps the odd id";
  EXPECT_EQ(t.build_inputs(a, a, 9), (Ids{0, 10, 11, 2, 2, 10, 11, 12, 2})) << "of two equal ones the second";
  EXPECT_EQ(t.build_inputs(a, b, 4), (Ids{0, 2, 2, 2}));
  EXPECT_THROW(t.build_inputs(a, 1), Error);
  EXPECT_THROW(t.build_inputs(a, b, 3), Error);
}

TEST(Tokenizer, LongWordsByHeapAsByScan) {
  const Tokenizer& t = tiny();
  std::mt19937 random(5);
  // Ranks that contradict the order from left to right: "1 1 6" is (1, 7), not (2, 6).
  MergeTable merges(8);
  merges.insert(1, 6, 0, 7);
  merges.insert(1, 1, 1, 2);
  merges.insert(6, 1, 2, 3);
  merges.insert(2, 1, 3, 4);
  merges.insert(7, 7, 4, 8);
  merges.insert(2, 7, 5, 9);
  merges.insert(6, 6, 6, 5);
  merges.insert(5, 2, 7, 10);
  for (int trial = 0; trial < 300; ++trial) {
    // Symbol 0 joins with nothing, so pieces between zeros merge on their own: whole (heap) and by pieces (scan) agree.
    Ids whole, pieces;
    for (int piece = 0; piece < 8; ++piece) {
      Ids part(1 + random() % 20);
      for (int32_t& symbol : part) symbol = random() % 8 == 0 ? 0 : random() % 2 ? 1 : 6;
      part.back() = 0;
      whole.insert(whole.end(), part.begin(), part.end());
      part.resize(merge_symbols(merges, part.data(), part.size()));
      pieces.insert(pieces.end(), part.begin(), part.end());
    }
    while (whole.size() < 60) whole.push_back(0), pieces.push_back(0);
    whole.resize(merge_symbols(merges, whole.data(), whole.size()));
    ASSERT_EQ(whole, pieces);
  }
  const std::string word(200000, 'a');
  EXPECT_EQ(t.decode(t.encode(word)), word);
}

// More distinct words than the word cache holds, of sizes that it stores and sizes that it does not, at the end of a
// text and far from it: the same ids and word starts as without a cache.
TEST(Tokenizer, WordsFromTheCacheAsMerged) {
  const Tokenizer& t = tiny();
  const auto& bpe = dynamic_cast<const ByteLevelBpe&>(*t.data().model);
  std::mt19937 random(4);
  std::vector<std::string> words;
  for (int i = 0; i < 200000; ++i) {
    std::string word = random() % 4 == 0 ? "" : " ";
    const bool frequent = random() % 2 == 0;
    for (unsigned n = 1 + random() % (i % 50 == 0 ? 40 : 17); n > 0; --n)
      word += frequent ? "theca"[random() % 5] : "abcdefghijklmnopqrstuvwxyz"[random() % 26];
    words.push_back(word + (random() % 8 == 0 ? "'s" : ""));
  }
  for (int trial = 0; trial < 300; ++trial) {
    std::string text;
    // The same words again later: by then some are in the cache and others were thrown out.
    const size_t first = random() % words.size();
    for (size_t i = 0; i < 2000; ++i) text += words[(first + i) % words.size()];
    text.resize(random() % 3 == 0 ? random() % 100 : text.size());
    Ids expected, ids;
    std::vector<uint8_t> expected_starts, starts;
    for (size_t at = 0; at < text.size();) {
      const size_t end = PreTokenizer::instance().word_end(text, at);
      Ids symbols;
      for (; at < end; ++at) symbols.push_back(bpe.byte_id(uint8_t(text[at])));
      symbols.resize(merge_symbols(bpe.merge_table(), symbols.data(), symbols.size()));
      expected.insert(expected.end(), symbols.begin(), symbols.end());
      for (size_t i = 0; i < symbols.size(); ++i) expected_starts.push_back(i == 0);
    }
    t.encode_words(text, ids, starts);
    ASSERT_TRUE(ids == expected) << "trial " << trial;
    ASSERT_TRUE(starts == expected_starts) << "trial " << trial;
  }
}

TEST(Tokenizer, AnyBytesComeBack) {
  const Tokenizer& t = tiny();
  std::mt19937 random(3);
  for (int trial = 0; trial < 3000; ++trial) {
    std::string text;
    for (unsigned length = random() % 80; length > 0; --length)
      text.push_back(random() % 2 ? char(random() % 256) : kText[random() % 100]);
    ASSERT_EQ(t.decode(t.encode(text, SpecialText::kAsText)), text);
  }
}

TEST(Tokenizer, BatchesAndThreads) {
  const Tokenizer& t = tiny();
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i) texts.push_back(std::string(kText).substr(size_t(i % 90)) + std::to_string(i));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto batch = t.encode_batch(views, 4);
  ASSERT_EQ(batch.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) ASSERT_EQ(batch[i], t.encode(texts[i]));
  EXPECT_TRUE(t.encode_batch({}, 2).empty());
}

TEST(Tokenizer, TwoTokenizersInOneThread) {
  BpeTrainerOptions options;
  options.vocab_size = 262;
  const Tokenizer other = train_bpe(
      [done = false](std::string& document) mutable {
        document = "the the";
        return !std::exchange(done, true);
      },
      options);
  const Ids mine = tiny().encode("the cat");
  const Ids theirs = other.encode("the cat");
  EXPECT_NE(mine, theirs);
  EXPECT_EQ(tiny().encode("the cat"), mine);
  EXPECT_EQ(other.encode("the cat"), theirs);
}

TEST(TokenizerFiles, SavedAndLoadedAlike) {
  const std::string dir = fresh_dir("saved");
  tiny().save(dir);
  const char* const names[] = {"vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json",
                               "special_tokens_map.json"};
  for (const char* name : names) EXPECT_TRUE(fs::exists(fs::path(dir) / name)) << name;
  EXPECT_EQ(Tokenizer::load(dir).fingerprint(), tiny().fingerprint());
  fs::remove(fs::path(dir) / "tokenizer.json");
  EXPECT_EQ(Tokenizer::load(dir).fingerprint(), tiny().fingerprint());
  fs::remove(fs::path(dir) / "tokenizer_config.json");
  fs::remove(fs::path(dir) / "special_tokens_map.json");
  const Tokenizer bare = Tokenizer::load(dir);
  EXPECT_EQ(bare.fingerprint(), tiny().fingerprint()) << "vocab.json and merges.txt are enough";
  EXPECT_EQ(bare.encode(kText), tiny().encode(kText));
}

TEST(TokenizerFiles, TravelByteForByte) {
  const std::string from = fresh_dir("from"), to = fresh_dir("to/deeper");
  tiny().save(from);
  const std::string odd = "{\n   \"add_prefix_space\":false, \"model_max_length\": 77, \"mine\": 1}";
  write(from + "/tokenizer_config.json", odd);
  fs::remove(from + "/tokenizer.json");
  Tokenizer::load(from).save(to);
  EXPECT_EQ(read(to + "/tokenizer_config.json"), odd);
  EXPECT_EQ(read(to + "/vocab.json"), read(from + "/vocab.json"));
  EXPECT_EQ(read(to + "/merges.txt"), read(from + "/merges.txt"));
  EXPECT_TRUE(fs::exists(to + "/tokenizer.json")) << "made, since there was none";
  EXPECT_EQ(Tokenizer::load(to).fingerprint(), tiny().fingerprint());
  for (const auto& entry : fs::directory_iterator(to))
    EXPECT_EQ(entry.path().string().find(".tmp-"), std::string::npos) << entry.path();
}

TEST(TokenizerFiles, PrefixSpaceByConfig) {
  const std::string dir = fresh_dir("prefix");
  tiny().save(dir);
  write(dir + "/tokenizer_config.json", R"({"add_prefix_space": true})");
  const Tokenizer t = Tokenizer::load(dir);
  EXPECT_TRUE(t.add_prefix_space());
  EXPECT_EQ(t.encode("the cat"), tiny().encode(" the cat"));
  EXPECT_EQ(t.encode(" the cat"), tiny().encode(" the cat"));
  EXPECT_NE(t.fingerprint(), tiny().fingerprint());
}

TEST(TokenizerFiles, AddedTokens) {
  const std::string dir = fresh_dir("added");
  tiny().save(dir);
  fs::remove(dir + "/tokenizer.json");
  write(dir + "/added_tokens.json", R"({"[GENE]": 320})");
  const Tokenizer t = Tokenizer::load(dir);
  EXPECT_EQ(t.vocab_size(), 321);
  Ids expected = tiny().encode("the ");
  expected.push_back(320);
  EXPECT_EQ(t.encode("the [GENE]"), expected);
  EXPECT_EQ(t.encode("the [GENE]", SpecialText::kAsText), expected) << "a plain added token is part of the vocabulary";
  EXPECT_FALSE(t.is_special(320));
  EXPECT_EQ(t.decode(expected), "the [GENE]");
}

// Loads a saved folder after `damage`; the error must hold every one of `words` and lead to exit code 2.
template <class Damage>
void expect_refusal(const std::string& name, Damage damage, std::initializer_list<const char*> words) {
  const std::string dir = fresh_dir("bad/" + name);
  tiny().save(dir);
  fs::remove(dir + "/tokenizer.json");
  damage(dir);
  try {
    Tokenizer::load(dir);
    ADD_FAILURE() << name << ": loaded";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 2);
    const std::string what = error.what();
    EXPECT_EQ(what.find('\n'), std::string::npos) << what;
    for (const char* word : words) EXPECT_NE(what.find(word), std::string::npos) << name << ": " << what;
  }
}

void edit(const std::string& path, std::string_view from, std::string_view to) {
  std::string bytes = read(path);
  replace(bytes, from, to);
  write(path, bytes);
}

TEST(TokenizerFiles, Refusals) {
  using S = const std::string&;
  expect_refusal("no_folder", [](S dir) { fs::remove_all(dir); }, {"no_folder", "No such file"});
  expect_refusal("no_vocab", [](S dir) { fs::remove(dir + "/vocab.json"); }, {"neither tokenizer.json nor vocab.json"});
  expect_refusal("no_merges", [](S dir) { fs::remove(dir + "/merges.txt"); }, {"no merges.txt"});
  expect_refusal("bert", [](S dir) { fs::remove(dir + "/vocab.json"), write(dir + "/vocab.txt", "[PAD]\n"); },
                 {"WordPiece"});
  expect_refusal("empty", [](S dir) { write(dir + "/vocab.json", ""); }, {"vocab.json", "empty"});
  expect_refusal("cut", [](S dir) { write(dir + "/vocab.json", R"({"a": 1, "b)"); }, {"vocab.json", "not valid JSON"});
  expect_refusal("list", [](S dir) { write(dir + "/vocab.json", "[1]"); }, {"vocab.json", "not a JSON object"});
  expect_refusal("negative", [](S dir) { edit(dir + "/vocab.json", "\"!\":4", "\"!\":-4"); }, {"vocab.json", "\"!\""});
  expect_refusal("text_id", [](S dir) { edit(dir + "/vocab.json", "\"!\":4", "\"!\":\"x\""); },
                 {"vocab.json", "\"!\""});
  expect_refusal("huge", [](S dir) { edit(dir + "/vocab.json", "\"!\":4", "\"!\":2000000000"); },
                 {"\"!\"", "2000000000"});
  expect_refusal("same_id", [](S dir) { edit(dir + "/vocab.json", "\"!\":4", "\"!\":6"); }, {"same id 6"});
  expect_refusal("merge_line", [](S dir) { write(dir + "/merges.txt", "#version: 0.2\nt h\nxyz\n"); },
                 {"merges.txt", "line 3", "xyz"});
  expect_refusal("merge_token", [](S dir) { write(dir + "/merges.txt", "#version: 0.2\nt qqq\n"); },
                 {"merge 1", "qqq"});
  expect_refusal("config", [](S dir) { write(dir + "/tokenizer_config.json", R"({"add_prefix_space": 3})"); },
                 {"tokenizer_config.json", "add_prefix_space"});
  expect_refusal("wordpiece_json", [](S dir) { write(dir + "/tokenizer.json", R"({"model": {"type": "WordPiece"}})"); },
                 {"tokenizer.json", "model.type", "WordPiece"});
  expect_refusal(
      "metaspace",
      [](S dir) {
        write(dir + "/tokenizer.json",
              R"({"model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": {"type": "Metaspace"}})");
      },
      {"tokenizer.json", "pre_tokenizer"});
}

TEST(TokenizerFiles, SavingWhereNothingCanBeWritten) {
  const std::string dir = fresh_dir("blocked");
  write(dir + "/file", "x");
  try {
    tiny().save(dir + "/file/below");
    FAIL() << "saved";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 74);
    EXPECT_NE(std::string(error.what()).find("below"), std::string::npos);
  }
}

}  // namespace
}  // namespace encore
