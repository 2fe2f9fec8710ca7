// Ids against those of Hugging Face's tokenizers: ../shared/data/tokenizer.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "data/tokenizer/tokenizer.h"

namespace encore {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kShared = ENCORE_SOURCE_DIR "/../shared/data/tokenizer";

#define SKIP_WITHOUT_SHARED() \
  if (!fs::exists(kShared + "/roberta-base/vocab.json")) GTEST_SKIP() << "skipped: no shared data"

// The lines of a file; a .zst one is unpacked by the zstd program.
std::vector<json> rows(const std::string& name) {
  const std::string path = kShared + "/testvectors/" + name;
  const std::string command = (name.ends_with(".zst") ? "zstd -dcq '" : "cat '") + path + "'";
  std::string bytes;
  FILE* pipe = ::popen(command.c_str(), "r");
  char buffer[65536];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) bytes.append(buffer, n);
  EXPECT_EQ(::pclose(pipe), 0) << command;
  std::vector<json> result;
  std::istringstream lines(bytes);
  for (std::string line; std::getline(lines, line);) result.push_back(json::parse(line));
  return result;
}

// GPT-2's vocabulary from the same merges, in a folder of its own.
Tokenizer load_gpt2() {
  const fs::path dir = fs::path(ENCORE_BINARY_DIR) / "test_files" / "tokenizer_gpt2";
  fs::create_directories(dir);
  const std::string unpack =
      "zstd -dcqf '" + kShared + "/roberta-base/gpt2_encoder.json.zst' > '" + (dir / "vocab.json").string() + "'";
  EXPECT_EQ(std::system(unpack.c_str()), 0);
  fs::copy_file(kShared + "/roberta-base/merges.txt", dir / "merges.txt", fs::copy_options::overwrite_existing);
  return Tokenizer::load(dir.string());
}

TEST(TokenizerVectors, Roberta) {
  SKIP_WITHOUT_SHARED();
  const Tokenizer tokenizer = Tokenizer::load(kShared + "/roberta-base");
  const auto vectors = rows("roberta.jsonl");
  EXPECT_EQ(vectors.size(), 41u);
  for (const json& row : vectors) {
    const std::string text = row.at("text");
    std::vector<int32_t> ids;
    // Rows without <s> and </s> come from programs without special tokens, which read "<s>" as letters.
    if (row.at("special").get<bool>())
      ids = tokenizer.build_inputs(tokenizer.encode(text));
    else
      ids = tokenizer.encode(text, SpecialText::kAsText);
    EXPECT_EQ(ids, row.at("ids").get<std::vector<int32_t>>()) << row.dump();
  }
}

TEST(TokenizerVectors, RobertaCorpus) {
  SKIP_WITHOUT_SHARED();
  const Tokenizer tokenizer = Tokenizer::load(kShared + "/roberta-base");
  const auto vectors = rows("roberta_corpus.jsonl.zst");
  EXPECT_EQ(vectors.size(), 280u);
  for (const json& row : vectors) {
    const std::string text = row.at("text");
    const std::vector<int32_t> ids = tokenizer.encode(text);
    EXPECT_EQ(ids, row.at("ids").get<std::vector<int32_t>>()) << text;
    EXPECT_EQ(tokenizer.decode(ids), text);
  }
}

TEST(TokenizerVectors, Gpt2) {
  SKIP_WITHOUT_SHARED();
  const Tokenizer tokenizer = load_gpt2();
  EXPECT_EQ(tokenizer.vocab_size(), 50257);
  EXPECT_EQ(tokenizer.bos_id(), 50256);
  EXPECT_EQ(tokenizer.eos_id(), 50256);
  EXPECT_EQ(tokenizer.pad_id(), -1);
  EXPECT_EQ(tokenizer.mask_id(), -1);
  EXPECT_EQ(tokenizer.encode("a<|endoftext|>"), (std::vector<int32_t>{64, 50256}));
  const auto vectors = rows("gpt2.jsonl");
  EXPECT_EQ(vectors.size(), 26u);
  for (const json& row : vectors) {
    const std::string text = row.at("text");
    EXPECT_EQ(tokenizer.encode(text), row.at("ids").get<std::vector<int32_t>>()) << row.dump();
  }
  for (const json& row : rows("roberta_corpus.jsonl.zst")) {
    const std::string text = row.at("text");
    EXPECT_EQ(tokenizer.encode(text), row.at("gpt2_ids").get<std::vector<int32_t>>()) << text;
  }
}

TEST(TokenizerVectors, PinnedByDocuments) {
  SKIP_WITHOUT_SHARED();
  const Tokenizer tokenizer = Tokenizer::load(kShared + "/roberta-base");
  using Ids = std::vector<int32_t>;
  const auto full = [&](const char* text) { return tokenizer.build_inputs(tokenizer.encode(text)); };
  EXPECT_EQ(tokenizer.vocab_size(), 50265);
  EXPECT_EQ(tokenizer.bos_id(), 0);
  EXPECT_EQ(tokenizer.pad_id(), 1);
  EXPECT_EQ(tokenizer.eos_id(), 2);
  EXPECT_EQ(tokenizer.unk_id(), 3);
  EXPECT_EQ(tokenizer.mask_id(), 50264);
  EXPECT_EQ(full("Hello world"), (Ids{0, 31414, 232, 2}));
  EXPECT_EQ(full(" Hello world"), (Ids{0, 20920, 232, 2}));
  EXPECT_EQ(full("world"), (Ids{0, 8331, 2}));
  EXPECT_EQ(full(" world"), (Ids{0, 232, 2}));
  EXPECT_EQ(full("Hello <mask>!"), (Ids{0, 31414, 50264, 328, 2}));
  EXPECT_EQ(full("Berlin and Munich have a lot of puppeteer to see ."),
            (Ids{0, 26795, 2614, 8, 10489, 33, 10, 319, 9, 32986, 9306, 254, 7, 192, 479, 2}));
  EXPECT_EQ(tokenizer.build_inputs(tokenizer.encode("Hello world"), tokenizer.encode("world")),
            (Ids{0, 31414, 232, 2, 2, 8331, 2}));
  EXPECT_FALSE(tokenizer.is_special(50260)) << "<|endoftext|> is a plain token of RoBERTa's vocabulary";
}

}  // namespace
}  // namespace encore
