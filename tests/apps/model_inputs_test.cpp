// Whole programs on model folders as people have them. The cases of ../shared/cases are in shared_cases_test.cpp.
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "model/safetensors.h"
#include "tests/apps/program.h"

namespace encore::test {
namespace {

using nlohmann::json;

std::string rows(int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += json{{"text", i % 2 ? "a dog carries the mouse." : "the cat eats bread."}, {"label", i % 2 ? "dog" : "cat"}}
                .dump() +
            "\n";
  return text;
}

class ModelInputs : public ::testing::Test {
 protected:
  ModelInputs() {
    write_text(place_ / "rows.jsonl", rows(24));
    fs::copy(place_.model(), place_ / "changed");
  }
  // Changes fields of changed/config.json.
  void set(const json& fields) {
    const std::string file = place_ / "changed/config.json";
    json config = json::parse(read_text(file));
    config.update(fields);
    write_text(file, config.dump());
  }
  Words finetune(const std::string& model, const std::string& output, const Words& more = {}) {
    Words words{program("finetune"),
                "--model",
                model,
                "--train",
                place_ / "rows.jsonl",
                "--dev",
                place_ / "rows.jsonl",
                "--output",
                output,
                "--threads",
                "1",
                "--dtype",
                "fp32",
                "--device",
                "cpu",
                "--epochs",
                "8",
                "--lr",
                "2e-3",
                "--batch-size",
                "4"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // A command of every program that computes with `model`; what they write goes to folders named "never".
  std::map<std::string, Words> commands(const std::string& model) {
    write_text(place_ / "batch.json", R"({"input_ids": [[0, 5, 2]], "labels": [[-100, 5, -100]]})");
    const std::string rows = place_ / "rows.jsonl", never = place_ / "never";
    return {{"mlm_eval", {program("mlm_eval"), "--model", model, "--data", place_.eval()}},
            {"embed", {program("embed"), "--model", model, "--data", rows, "--output", never}},
            {"predict", {program("predict"), "--model", model, "--data", rows}},
            {"fill_mask", {program("fill_mask"), "--model", model, "a <mask>."}},
            {"trace", {program("trace"), "--model", model, "--batch", place_ / "batch.json", "--output", never}},
            {"finetune", finetune(model, never)},
            {"dapt_train", {program("dapt_train"), "--model", model, "--train", place_.train(), "--output", never}}};
  }
  void expect_refused(const std::string& name, const Words& words, const Words& parts) {
    const Outcome o = run(words);
    EXPECT_EQ(o.code, 2) << name << o.err;
    EXPECT_EQ(o.out, "") << name;
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << name << o.err;
    for (const std::string& part : parts) EXPECT_NE(o.err.find(part), std::string::npos) << name << ": " << o.err;
    EXPECT_FALSE(fs::exists(place_ / "never")) << name;
  }
  TinyWorkplace place_{0, 60};
};

bool holds_open(pid_t pid, const std::string& file) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid), error))
    if (fs::read_symlink(entry.path(), error) == fs::path(file)) return true;
  return false;
}

double dev_accuracy(const std::string& run) {
  return json::parse(read_text(run + "/results.json"))["seeds"][0]["dev"]["accuracy"];
}

TEST_F(ModelInputs, HeadsOfNoKernel) {
  set({{"num_attention_heads", 4}});
  for (const auto& [name, words] : commands(place_ / "changed"))
    expect_refused(name, words, {"changed/config.json", "hidden_size 64", "num_attention_heads 4"});
  expect_refused("init_model",
                 {program("init_model"), "--config", place_ / "changed", "--tokenizer", place_.model(), "--output",
                  place_ / "never"},
                 {"num_attention_heads 4"});
  const Outcome o = run({program("tokenize"), "--model", place_ / "changed", "--data", place_.eval()});
  EXPECT_EQ(o.code, 0) << o.err;  // it computes no attention
}

// The life of a classifier: tuned, renamed, used by programs that need no labels, tuned on for the same labels in
// another order, and for others.
TEST_F(ModelInputs, HeadsAndLabels) {
  ASSERT_EQ(run(finetune(place_.model(), place_ / "task")).code, 0);
  ASSERT_EQ(dev_accuracy(place_ / "task"), 1.0);
  const std::string model = place_ / "task/model", config = model + "/config.json";
  const std::string text = read_text(config);
  const auto relabel = [&](const json& fields) {
    json j = json::parse(text);
    j.update(fields);
    write_text(config, j.dump(2));
  };
  const auto accuracy = [&](const std::string& output) {
    const Outcome o = run(finetune(model, place_ / output, {"--epochs", "1", "--lr", "0"}));
    EXPECT_EQ(o.code, 0) << o.err;
    EXPECT_EQ(o.out.find("fresh one"), std::string::npos) << o.out;
    return dev_accuracy(place_ / output);
  };
  EXPECT_EQ(accuracy("again"), 1.0);
  relabel({{"id2label", {{"0", "dog"}, {"1", "cat"}}}, {"label2id", {{"dog", 0}, {"cat", 1}}}});
  EXPECT_EQ(accuracy("swapped"), 0.0);  // the rows went with their new names

  relabel({{"id2label", {{"0", "feline"}, {"1", "canine"}}}});
  const Outcome predicted = run({program("predict"), "--model", model, "--data", place_ / "rows.jsonl"});
  EXPECT_EQ(predicted.code, 0) << predicted.err;
  EXPECT_EQ(json::parse(predicted.out.substr(0, predicted.out.find('\n')))["label"], "feline");
  const Outcome other = run(finetune(model, place_ / "other", {"--epochs", "1"}));
  EXPECT_EQ(other.code, 0) << other.err;
  EXPECT_NE(other.out.find("'feline', 'canine', those of the training rows 'cat', 'dog'"), std::string::npos)
      << other.out;

  for (const json& broken :
       {json{{"id2label", {{"0", "a"}, {"7", "b"}}}}, json{{"id2label", {{"0", "a"}, {"1", "a"}}}}}) {
    relabel(broken);
    for (const char* name : {"embed", "mlm_eval"}) {
      const Outcome o = run(commands(model).at(name));
      EXPECT_EQ(o.code, 0) << name << o.err;
      // Only who uses the MLM head says, once, that there is none.
      const size_t said = o.err.find("the MLM head is not in the file");
      EXPECT_EQ(said != o.err.npos, name == std::string("mlm_eval")) << o.err;
      EXPECT_EQ(o.err.find("MLM head", said == o.err.npos ? said : said + 12), o.err.npos) << o.err;
    }
    fs::remove(place_ / "never");
    expect_refused("fill_mask", commands(model).at("fill_mask"), {"head is not in the file"});
    expect_refused("predict", commands(model).at("predict"), {"config.json", "id2label"});
    fs::remove_all(place_ / "anew");
    EXPECT_EQ(run(finetune(model, place_ / "anew", {"--epochs", "1"})).code, 0);
  }
  // As transformers saves a head of two labels without names: config.json has none of the three fields.
  json unnamed = json::parse(text);
  for (const char* key : {"id2label", "label2id", "problem_type"}) unnamed.erase(key);
  write_text(config, unnamed.dump(2));
  const Outcome generic = run(commands(model).at("predict"));
  EXPECT_EQ(generic.code, 0) << generic.err;
  EXPECT_EQ(json::parse(generic.out.substr(0, generic.out.find('\n')))["label"], "LABEL_0");

  relabel({{"problem_type", "multi_label_classification"}});
  expect_refused("predict", commands(model).at("predict"), {"multi_label_classification"});
  const Outcome multi = run(finetune(model, place_ / "single", {"--epochs", "1"}));
  EXPECT_EQ(multi.code, 0) << multi.err;
  EXPECT_NE(multi.out.find("multi_label_classification"), std::string::npos) << multi.out;
  expect_refused("predict", commands(place_.model()).at("predict"), {"not a classifier"});
}

// vocab_size above the tokenizer's: rows that no token has. Here they have the largest logits of all.
TEST_F(ModelInputs, PaddedVocabulary) {
  const auto backend = make_backend("cpu", 1);
  EncoderConfig config = tiny_config(320, 0.1f);
  const auto model = make_mlm(config, *backend, DType::kF32, Mode::kInference);
  model->params().initialise(3, 0.02f);
  const int bias = model->params().find("lm_head.bias");
  std::vector<float> values(320, 0);
  for (size_t i = 300; i < values.size(); ++i) values[i] = 50;
  model->params().write(bias, values.data());
  save_model(place_ / "changed", *model);
  const Outcome filled =
      run({program("fill_mask"), "--model", place_ / "changed", "--json", "--top-k", "1000", "a <mask>."});
  ASSERT_EQ(filled.code, 0) << filled.err;
  const json tokens = json::parse(filled.out)["masks"][0];
  EXPECT_EQ(tokens.size(), 300u);
  for (const json& token : tokens) EXPECT_LT(token["id"], 300);
  const Outcome trained =
      run({program("dapt_train"), "--model", place_ / "changed", "--train", place_.train(), "--output", place_ / "run",
           "--max-steps", "1", "--batch-sequences", "4", "--threads", "1", "--cache-dir", place_.cache()});
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_EQ(load_config(place_ / "run/model/last").vocab_size, 320);
  EXPECT_EQ(open_safetensors_file(place_ / "run/model/last/model.safetensors")
                ->tensors()
                .at("roberta.embeddings.word_embeddings.weight")
                .shape,
            (std::vector<int64_t>{320, 64}));

  // The run itself is no model, and its TensorBoard tags are those of Trainer.
  for (const auto& [name, words] : commands(place_ / "run"))
    expect_refused(name, words, {"a run, not a model", "/run/model/"});
  expect_refused("tokenize", {program("tokenize"), "--model", place_ / "run", "--data", place_.eval()},
                 {"a run, not a model", "/run/model/"});
  std::string events;
  for (const auto& entry : fs::directory_iterator(place_ / "run"))
    if (entry.path().filename().string().starts_with("events.")) events = read_text(entry.path().string());
  for (const char* tag : {"train/loss", "train/learning_rate", "train/grad_norm", "train/epoch", "eval/loss"})
    EXPECT_NE(events.find(tag), std::string::npos) << tag;
  EXPECT_EQ(events.find("eval/eval"), std::string::npos);
}

TEST_F(ModelInputs, PipesDoNotHang) {
  for (const char* file : {"config.json", "model.safetensors", "tokenizer.json", "vocab.json"}) {
    fs::remove_all(place_ / "changed");
    fs::copy(place_.model(), place_ / "changed");
    fs::remove(place_ / "changed/" + file);
    ASSERT_EQ(::mkfifo((place_ / "changed/" + file).c_str(), 0600), 0);
    for (const char* name : {"mlm_eval", "finetune"})
      expect_refused(name, commands(place_ / "changed").at(name), {file, "not a regular file"});
  }
}

// The file is cut when the program has opened it and is about to map it.
TEST_F(ModelInputs, AModelThatIsCutWhileItIsLoaded) {
  const std::string failing = std::string(ENCORE_BINARY_DIR) + "/tests/libfailing_calls.so";
  if (!fs::exists(failing)) GTEST_SKIP() << "skipped: not built with sanitizers";
  const std::string weights = place_ / "changed/model.safetensors";
  Process process({"env", "LD_PRELOAD=" + failing, "ENCORE_FAIL=mmap:1:PAUSE:model.safetensors", program("mlm_eval"),
                   "--model", place_ / "changed", "--data", place_.eval()});
  // While the checksum is read the file is open for less than a millisecond.
  for (int held = 0; held < 3 && process.running();) {
    held = holds_open(process.pid(), weights) ? held + 1 : 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  fs::resize_file(weights, 4096);  // in the header
  const Outcome o = process.wait();
  EXPECT_EQ(o.code, 74) << o.err;
  EXPECT_NE(o.err.find("changed/model.safetensors: became shorter"), std::string::npos) << o.err;
}

}  // namespace
}  // namespace encore::test
