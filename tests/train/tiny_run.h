// A tiny corpus, tokenizer and model in a temporary folder, for tests of whole runs.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "data/sequences/dataset.h"
#include "data/sequences/masking.h"
#include "data/tokenizer/bpe_trainer.h"
#include "kernels/backend_factory.h"
#include "model/checkpoint.h"
#include "train/evaluator.h"
#include "train/trainer.h"

namespace encore::test {

namespace fs = std::filesystem;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "encore-test-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string str() const { return path_.string(); }

 private:
  fs::path path_;
};

// Sentences with a pattern to learn: the subject decides verb and object.
inline std::string tiny_corpus(int documents, uint64_t seed) {
  const char* const subjects[] = {"the cat", "a dog", "our horse", "one bird"};
  const char* const verbs[] = {"chases", "eats", "carries", "sings to"};
  const char* const objects[] = {"the mouse", "some bread", "a heavy load", "the morning sun"};
  std::mt19937_64 random(seed);
  std::string text;
  for (int d = 0; d < documents; ++d) {
    const int sentences = 1 + int(random() % 4);
    for (int s = 0; s < sentences; ++s) {
      const size_t k = random() % 4;
      text += std::string(s ? " " : "") + subjects[k] + " " + verbs[k] + " " + objects[k] + ".";
    }
    text += "\n";
  }
  return text;
}

inline EncoderConfig tiny_config(int vocab_size, float dropout) {
  EncoderConfig c;
  c.vocab_size = vocab_size;
  c.hidden_size = 64;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 2;
  c.intermediate_size = 128;
  c.max_position_embeddings = 66;
  c.type_vocab_size = 1;
  c.layer_norm_eps = 1e-5f;
  c.hidden_dropout_prob = dropout;
  c.attention_probs_dropout_prob = dropout;
  return c;
}

inline void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}
inline std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Folder with model/, train.txt, eval.txt.
class TinyWorkplace {
 public:
  explicit TinyWorkplace(float dropout = 0.1f, int documents = 200) {
    write_text(train(), tiny_corpus(documents, 1));
    write_text(eval(), tiny_corpus(30, 2));
    std::istringstream lines(read_text(train()));
    const Tokenizer tokenizer = train_bpe([&](std::string& line) { return bool(std::getline(lines, line)); },
                                          {.vocab_size = 300, .threads = 1});
    const auto backend = make_backend("cpu", 1);
    const auto mlm = make_mlm(tiny_config(tokenizer.vocab_size(), dropout), *backend, DType::kF32, Mode::kInference);
    mlm->params().initialise(3, 0.02f);
    fs::create_directories(model());
    save_model(model(), *mlm);
    tokenizer.save(model(), 64);
  }
  std::string model() const { return folder_ / "model"; }
  std::string train() const { return folder_ / "train.txt"; }
  std::string eval() const { return folder_ / "eval.txt"; }
  std::string cache() const { return folder_ / "cache"; }
  std::string folder() const { return folder_.str(); }
  std::string operator/(const std::string& name) const { return folder_ / name; }
  // Writes a file of the folder, and returns its path.
  std::string write(const std::string& name, const std::string& text) const {
    write_text(folder_ / name, text);
    return folder_ / name;
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace encore::test
