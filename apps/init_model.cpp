// init_model: a model folder with fresh weights, ready for pretraining.
#include <filesystem>
#include <iostream>
#include <map>

#include "apps/program/open_model.h"
#include "apps/program/output_path.h"
#include "apps/program/run_program.h"
#include "data/tokenizer/tokenizer.h"
#include "kernels/backend_factory.h"
#include "kernels/base/atomic_folder.h"
#include "kernels/base/in_quotes.h"
#include "model/checkpoint.h"
#include "model/model.h"

namespace encore {
namespace {

using nlohmann::json;

// The config.json of a named shape; null for another name. A vocabulary of 0 stands for the tokenizer's.
json preset(const std::string& name) {
  struct Shape {
    int64_t vocab, hidden, layers, heads, intermediate;
  };
  const std::map<std::string, Shape> shapes = {{"roberta-base", {50265, 768, 12, 12, 3072}},
                                               {"roberta-large", {50265, 1024, 24, 16, 4096}},
                                               {"encore-mini", {0, 256, 4, 4, 1024}}};
  const auto it = shapes.find(name);
  if (it == shapes.end()) return nullptr;
  const Shape& s = it->second;
  return {{"model_type", "roberta"},        {"vocab_size", s.vocab},          {"hidden_size", s.hidden},
          {"num_hidden_layers", s.layers},  {"num_attention_heads", s.heads}, {"intermediate_size", s.intermediate},
          {"max_position_embeddings", 514}, {"type_vocab_size", 1},           {"layer_norm_eps", 1e-5},
          {"hidden_act", "gelu"},           {"hidden_dropout_prob", 0.1},     {"attention_probs_dropout_prob", 0.1},
          {"initializer_range", 0.02}};
}

// Refuses a vocabulary that is smaller than the tokenizer's, and a padding id that differs from the tokenizer's.
EncoderConfig make_config(const std::string& source, const Tokenizer& tokenizer, const std::string& tokenizer_dir) {
  EncoderConfig config;
  if (json named = preset(source); !named.is_null()) {
    if (named["vocab_size"] == 0) named["vocab_size"] = tokenizer.vocab_size();
    if (tokenizer.pad_id() >= 0) named["pad_token_id"] = tokenizer.pad_id();
    if (tokenizer.bos_id() >= 0) named["bos_token_id"] = tokenizer.bos_id();
    if (tokenizer.eos_id() >= 0) named["eos_token_id"] = tokenizer.eos_id();
    check(named["vocab_size"] >= tokenizer.vocab_size(), "--config {}: vocab_size {} does not cover the {} ids of {}",
          source, named["vocab_size"].dump(), tokenizer.vocab_size(), tokenizer_dir);
    config = parse_config(named.dump(), source);
    config.notes.clear();
    return config;
  }
  std::error_code ignored;
  check(std::filesystem::exists(source, ignored),
        "--config {}: no such file, and no shape of that name (roberta-base, roberta-large, encore-mini)", source);
  config = std::filesystem::is_directory(source, ignored) ? load_config(source) : load_config_file(source);
  check(config.vocab_size >= tokenizer.vocab_size(),
        "{}: vocab_size {} does not cover the {} ids of {}; raise it, or take another tokenizer", source,
        config.vocab_size, tokenizer.vocab_size(), tokenizer_dir);
  check(tokenizer.pad_id() < 0 || tokenizer.pad_id() == config.pad_token_id,
        "{}: pad_token_id is {} and the tokenizer of {} has <pad> = {}; positions count from it, so they must agree",
        source, config.pad_token_id, tokenizer_dir, tokenizer.pad_id());
  return config;
}

int run(int argc, char** argv) {
  Cli cli("init_model", "makes a RoBERTa with fresh weights: a Hugging Face folder with its tokenizer's files.",
          "init_model --config encore-mini --tokenizer my-tokenizer --output models/new", Cli::ConfigFile::kOwn);
  cli.text("Input", "config",
           "a config.json, a folder that holds one, or a shape by name: roberta-base, roberta-large, encore-mini",
           "FILE")
      .path();
  cli.text("Input", "tokenizer", "folder of the tokenizer's files", "DIR").path();
  cli.text("Output", "output", "folder to write, a new one", "DIR").written();
  cli.choice("Output", "dtype", "how weights are stored", {"fp32", "bf16", "fp16"}, "fp32");
  cli.integer("Output", "seed", "the weights are a function of it", 1, 0, int64_t(1) << 53);
  if (!cli.parse(argc, argv)) return 0;
  const std::string source = cli.required("config"), tokenizer_dir = cli.required("tokenizer"),
                    output = output_folder(cli);
  const uint64_t seed = uint64_t(cli.get_integer("seed"));
  const Tokenizer tokenizer = open_tokenizer(tokenizer_dir);
  const EncoderConfig config = make_config(source, tokenizer, tokenizer_dir);
  const DType dtype = cli.get("dtype") == "fp32"   ? DType::kF32
                      : cli.get("dtype") == "bf16" ? DType::kBF16
                                                   : DType::kF16;

  const auto backend = make_backend("cpu");
  const auto model = make_mlm(config, *backend, DType::kF32, Mode::kInference);
  model->params().initialise(seed, config.initializer_range);
  model->params().weights_changed();
  AtomicFolder folder(output);
  save_model(folder.temporary_path(), *model, dtype);
  tokenizer.save(folder.temporary_path(), int(config.max_length()));
  folder.commit();

  for (const std::string& note : config.notes) std::cerr << "note: " << note << '\n';
  int64_t count = 0;
  for (const Parameter& p : model->params().parameters()) count += p.size();
  std::cout << fmt::format("{}: {} layers x {}, vocabulary {}, {:.1f} M parameters, seed {}\n",
                           one_line(cli.get("output")), config.num_hidden_layers, config.hidden_size, config.vocab_size,
                           double(count) / 1e6, seed);
  return 0;
}

}  // namespace
}  // namespace encore

int main(int argc, char** argv) {
  return encore::run_as_one_process("init_model", [&] { return encore::run(argc, argv); });
}
