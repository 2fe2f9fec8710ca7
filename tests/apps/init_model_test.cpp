// init_model from a named shape and from a file: the folder loads, the seed decides the bits, refusals are one line.
#include <gtest/gtest.h>

#include "data/tokenizer/tokenizer.h"
#include "model/config.h"
#include "model/safetensors.h"
#include "tests/apps/program.h"

namespace encore::test {
namespace {

// A tokenizer of the 256 bytes and the specials: 261 ids.
std::string write_tokenizer(const std::string& dir) {
  std::vector<std::string> tokens = {"<s>", "<pad>", "</s>", "<unk>"};
  int made = 0;
  for (int b = 0; b < 256; ++b) {
    const bool own = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    const int letter = own ? b : 256 + made++;
    tokens.push_back(letter < 128 ? std::string(1, char(letter))
                                  : std::string{char(0xc0 | letter >> 6), char(0x80 | (letter & 63))});
  }
  tokens.push_back("<mask>");
  Tokenizer::from_parts(tokens, {}).save(dir);
  return dir;
}

void expect_refused(std::vector<std::string> words, const std::string& part) {
  words.insert(words.begin(), program("init_model"));
  const Outcome o = run(words);
  EXPECT_EQ(o.code, 2) << o.err;
  EXPECT_EQ(o.out, "");
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  EXPECT_NE(o.err.find(part), std::string::npos) << o.err;
}

TEST(InitModel, ANamedShapeIsAFunctionOfTheSeed) {
  TemporaryFolder dir;
  const std::string tokenizer = write_tokenizer(dir / "tokenizer");
  const auto make = [&](const std::string& seed, const std::string& name) {
    const Outcome o = run({program("init_model"), "--config", "encore-mini", "--tokenizer", tokenizer, "--seed", seed,
                           "--dtype", "bf16", "--output", dir / name});
    EXPECT_EQ(o.code, 0) << o.err;
    return read_text(dir / (name + "/model.safetensors"));
  };
  const std::string one = make("1", "a");
  EXPECT_TRUE(one == make("1", "b"));
  EXPECT_FALSE(one == make("2", "c"));
  const EncoderConfig config = load_config(dir / "a");
  EXPECT_EQ(config.vocab_size, 261);
  EXPECT_EQ(config.hidden_size, 256);
  EXPECT_EQ(config.num_hidden_layers, 4);
  EXPECT_TRUE(config.notes.empty());
  EXPECT_EQ(Tokenizer::load(dir / "a").fingerprint(), Tokenizer::load(tokenizer).fingerprint());
  const auto file = open_safetensors_file(dir / "a/model.safetensors");
  EXPECT_EQ(file->tensors().at("roberta.embeddings.word_embeddings.weight").dtype, "BF16");
  EXPECT_FALSE(file->tensors().contains("lm_head.decoder.weight"));
  // The row of the pad id is 0, its neighbours are not.
  const auto words = to_f32(file->tensors().at("roberta.embeddings.word_embeddings.weight"), "words");
  EXPECT_EQ(words[256 + 7], 0.0f);
  EXPECT_NE(words[512 + 7], 0.0f);
}

TEST(InitModel, Refusals) {
  TemporaryFolder dir;
  const std::string tokenizer = write_tokenizer(dir / "tokenizer"), out = dir / "out";
  expect_refused({}, "--config FILE is needed");
  expect_refused({"--nonsense"}, "nonsense");
  const auto with = [&](const std::string& config) {
    return std::vector<std::string>{"--config", config, "--tokenizer", tokenizer, "--output", out};
  };
  expect_refused(with("encore-maxi"), "encore-maxi");
  const auto file = [&](const std::string& text) {
    write_text(dir / "c.json", text);
    return with(dir / "c.json");
  };
  expect_refused(file("{"), "c.json");
  expect_refused(file(R"({"model_type": "roberta", "vocab_size": 260})"), "261 ids");
  expect_refused(file(R"({"model_type": "roberta", "vocab_size": 300, "pad_token_id": 0})"), "pad_token_id");
  expect_refused(file(R"({"model_type": "bert"})"), "'bert'");
  auto words = with("encore-mini");
  for (const auto& [flag, bad] :
       {std::pair<std::string, std::string>{"--seed", "-1"}, {"--seed", "1x"}, {"--dtype", "i8"}}) {
    words.push_back(flag + "=" + bad);
    expect_refused(words, flag + ": " + (bad == "-1" ? bad : "'" + bad + "'"));
    words.pop_back();
  }
  fs::create_directories(dir / "held");
  write_text(dir / "held/config.json", "{}");
  words.back() = dir / "held";
  expect_refused(words, "already: name a new or an empty folder");
  EXPECT_FALSE(fs::exists(out));
}

}  // namespace
}  // namespace encore::test
