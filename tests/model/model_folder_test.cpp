// What people give instead of a model is named for what it is, with what to give.
#include "model/model_folder.h"

#include <cstdlib>

#include "tests/model/test_files.h"

namespace encore {
namespace {

class ModelFolder : public ::testing::Test {
 protected:
  void file(const std::string& name, const std::string& text = "{}") {
    std::filesystem::create_directories(std::filesystem::path(place_ / name).parent_path());
    write_file(place_ / name, text);
  }
  void expect(const std::string& folder, std::initializer_list<const char*> parts) {
    for (const char* end : {"", "/"}) expect_refusal([&] { check_model_folder(place_ / folder + end); }, parts);
  }
  TempDir place_;
};

TEST_F(ModelFolder, OfThePretraining) {
  file("run/config.json");
  file("run/log.jsonl");
  file("run/state/step-10/state.json");
  expect("run", {"run", "not saved a model yet"});
  file("run/model/last/config.json");
  expect("run", {"a run, not a model", "/run/model/last"});
  file("run/model/best/config.json");
  expect("run", {"/run/model/best"});
}

TEST_F(ModelFolder, PartsOfARun) {
  for (const char* name : {"config.json", "log.jsonl", "state/step-10/state.json", "model/best/config.json"})
    file(std::string("run/") + name);
  for (const char* part : {"run/model", "run/state", "run/state/step-10"})
    expect(part, {"a part of a run", "/run/model/best"});
  file("other/model/best/config.json");  // no run
  EXPECT_NO_THROW(check_model_folder(place_ / "other/model"));
}

TEST_F(ModelFolder, AroundAModel) {
  file("sentences/modules.json");
  file("sentences/0_Transformer/config.json");
  file("sentences/1_Pooling/config.json");
  EXPECT_NO_THROW(check_model_folder(place_ / "sentences"));  // none of the two is a model
  file("sentences/0_Transformer/model.safetensors");
  expect("sentences", {"no model itself", "/sentences/0_Transformer"});
  file("sentences/config.json");
  EXPECT_NO_THROW(check_model_folder(place_ / "sentences"));
  file("cache/hub/models--org--name/snapshots/0a1b/config.json");
  expect("cache/hub", {"/models--org--name/snapshots/0a1b"});
}

TEST_F(ModelFolder, OfTheFineTuning) {
  file("task/config.json");
  file("task/results.json");
  file("task/model/config.json");
  expect("task", {"a run, not a model", "/task/model"});
}

TEST_F(ModelFolder, OfTransformersTrainer) {
  for (const char* name : {"out/checkpoint-500/config.json", "out/checkpoint-1000/config.json", "out/checkpoint-x/y"})
    file(name);
  expect("out", {"Trainer", "/out/checkpoint-1000"});
  file("out/model.safetensors");  // it ended, and saved the model
  EXPECT_NO_THROW(check_model_folder(place_ / "out"));
}

TEST_F(ModelFolder, OfAnAdapter) {
  file("adapter/adapter_config.json");
  file("adapter/adapter_model.safetensors");
  expect("adapter", {"adapter (PEFT)", "merge_and_unload"});
}

TEST_F(ModelFolder, OfTheHubsCache) {
  const std::string repository = "hub/models--org--name";
  file(repository + "/snapshots/0a1b/config.json");
  file(repository + "/snapshots/ffee/config.json");
  file(repository + "/refs/main", "0a1b");
  expect(repository, {"the hub's cache", "/models--org--name/snapshots/0a1b"});
  expect(repository + "/snapshots", {"/models--org--name/snapshots/0a1b"});
  std::filesystem::remove_all(place_ / repository + "/refs");
  std::filesystem::remove_all(place_ / repository + "/snapshots/0a1b");
  expect(repository, {"/snapshots/ffee"});
}

TEST_F(ModelFolder, OfNoFolder) {
  ::setenv("HF_HUB_CACHE", place_.path().c_str(), 1);
  expect_refusal([] { check_model_folder("roberta-none"); },
                 {"roberta-none", "no such folder", "hf download roberta-none"});
  expect_refusal([] { check_model_folder("org/na.me"); }, {"hf download org/na.me --local-dir na.me"});
  file("models--org--name/snapshots/0a1b/config.json");
  expect_refusal([] { check_model_folder("org/name"); }, {"the hub's cache", "/models--org--name/snapshots/0a1b"});
  for (const char* path : {"/no/where", "./nowhere", "a/b/c", "a b"}) {
    const std::string message = refusal([&] { check_model_folder(path); });
    EXPECT_EQ(message.find("hub"), std::string::npos) << message;
  }
  expect_refusal([] { check_model_folder(""); }, {"empty"});
  file("model.safetensors");
  expect_refusal([&] { check_model_folder(place_ / "model.safetensors"); }, {"model.safetensors", "a folder"});
}

}  // namespace
}  // namespace encore
