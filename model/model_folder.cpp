#include "model/model_folder.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/input_file.h"

namespace fs = std::filesystem;

namespace encore {
namespace {

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}
bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// The snapshot of a folder of the hub's cache ("models--org--name", or "snapshots" in it): the one of the branch main,
// else the newest.
std::optional<fs::path> snapshot(fs::path repository) {
  if (!repository.has_filename()) repository = repository.parent_path();
  if (repository.filename() == "snapshots") repository = repository.parent_path();
  const fs::path snapshots = repository / "snapshots";
  if (!is_folder(snapshots)) return std::nullopt;
  if (is_there(repository / "refs/main")) {
    const std::string commit = read_input_file((repository / "refs/main").string());
    if (!commit.empty() && is_folder(snapshots / commit.substr(0, commit.find('\n'))))
      return snapshots / commit.substr(0, commit.find('\n'));
  }
  std::optional<fs::path> newest;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(snapshots, error))
    if (!newest || fs::last_write_time(entry, error) > fs::last_write_time(*newest, error)) newest = entry.path();
  return newest;
}

// "name" or "organisation/name"
bool may_be_hub_name(const std::string& name) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' || c == '/';
  };
  return !name.empty() && name[0] != '/' && name[0] != '.' && name.back() != '/' &&
         std::count(name.begin(), name.end(), '/') <= 1 && std::all_of(name.begin(), name.end(), allowed);
}

fs::path hub_cache() {
  if (const char* cache = std::getenv("HF_HUB_CACHE"); cache && *cache) return cache;
  if (const char* home = std::getenv("HF_HOME"); home && *home) return fs::path(home) / "hub";
  const char* home = std::getenv("HOME");
  return home ? fs::path(home) / ".cache/huggingface/hub" : fs::path();
}

[[noreturn]] void fail_for_missing(const std::string& dir) {
  if (!may_be_hub_name(dir)) fail("{}: no such folder", dir);
  std::string folder = "models--";
  for (const char c : dir) folder += c == '/' ? "--" : std::string(1, c);
  if (const auto cached = snapshot(hub_cache() / folder))
    fail("{}: no such folder; the hub's cache holds a model of this name: give {}", dir, cached->string());
  fail(
      "{0}: no such folder; a model of the Hugging Face hub is downloaded first, with: hf download {0} --local-dir {1}",
      dir, fs::path(dir).filename().string());
}

bool has_weights(const fs::path& dir) {
  for (const char* name :
       {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"})
    if (is_there(dir / name)) return true;
  return false;
}

// The model of a run folder: of dapt_train and tapt_train model/best, or model/last before the first evaluation; of
// finetune model.
std::optional<fs::path> model_of_run(const fs::path& dir) {
  for (const char* name : {"model/best", "model/last", "model"})
    if (is_there(dir / name / "config.json")) return dir / name;
  return std::nullopt;
}

// The folders in `dir`, sorted.
std::vector<fs::path> folders_in(const fs::path& dir) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error))
    if (is_folder(entry.path())) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  return folders;
}

// The model of the run that `dir` is a folder of: model/ of dapt_train, state/, state/step-10.
std::optional<fs::path> model_of_run_around(const fs::path& dir) {
  fs::path around = dir.has_filename() ? dir : dir.parent_path();
  for (int up = 0; up < 2; ++up) {
    around = around.has_parent_path() ? around.parent_path() : fs::path(".");
    if (is_there(around / "log.jsonl"))
      if (auto model = model_of_run(around)) return model;
  }
  return std::nullopt;
}

// A model in a folder of `dir`: sentence-transformers keeps it in 0_Transformer, the hub's cache in models--org--name.
std::optional<fs::path> model_inside(const fs::path& dir) {
  for (const fs::path& folder : folders_in(dir)) {
    if (is_there(folder / "config.json") && has_weights(folder)) return folder;
    if (folder.filename().string().starts_with("models--"))
      if (auto model = snapshot(folder)) return model;
  }
  return std::nullopt;
}

// checkpoint-500 of a run of transformers' Trainer: the one of the most steps.
std::optional<fs::path> newest_checkpoint(const fs::path& dir) {
  constexpr std::string_view kStart = "checkpoint-";
  std::optional<fs::path> newest;
  int64_t most = -1;
  for (const fs::path& folder : folders_in(dir)) {
    const std::string name = folder.filename().string();
    if (!name.starts_with(kStart) || !is_there(folder / "config.json")) continue;
    const int64_t steps = std::atoll(name.c_str() + kStart.size());
    if (steps > most) newest = folder;
    most = std::max(most, steps);
  }
  return newest;
}

}  // namespace

void check_model_folder(const std::string& dir) {
  check(!dir.empty(), "a model folder is needed, not an empty name");
  if (!is_there(dir)) fail_for_missing(dir);
  check(is_folder(dir), "{}: a file; a model is a folder, so give the one that holds it", dir);
  if (has_weights(dir)) return;
  if (const auto path = snapshot(dir)) fail("{}: a folder of the hub's cache: give {}", dir, path->string());
  if (const auto path = model_of_run(dir)) fail("{}: a run, not a model: give {}", dir, path->string());
  check(!is_there(fs::path(dir) / "log.jsonl") || !is_there(fs::path(dir) / "state"),
        "{}: a run that has not saved a model yet", dir);
  check(!is_there(fs::path(dir) / "adapter_config.json"),
        "{}: an adapter (PEFT), not a model: merge it into its base model first (merge_and_unload(), then "
        "save_pretrained())",
        dir);
  if (const auto path = newest_checkpoint(dir)) fail("{}: a run of Trainer, not a model: give {}", dir, path->string());
  if (is_there(fs::path(dir) / "config.json")) return;
  if (const auto path = model_of_run_around(dir))
    fail("{}: a part of a run, not a model: give {}", dir, path->string());
  if (const auto path = model_inside(dir)) fail("{}: no model itself, but {} is one: give that", dir, path->string());
}

}  // namespace encore
