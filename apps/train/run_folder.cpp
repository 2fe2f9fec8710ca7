#include "apps/train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <set>

#include "kernels/base/check.h"

namespace fs = std::filesystem;

namespace encore {
namespace {

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  check(!error, "--output {}: the folder cannot be made: {}", path.string(), error.message());
}

int64_t step_of(const std::string& name) {
  constexpr std::string_view kPrefix = "step-";
  int64_t step = -1;
  if (name.rfind(kPrefix, 0) != 0) return -1;
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + kPrefix.size(), end, step);
  return error == std::errc() && rest == end ? step : -1;
}

}  // namespace

RunFolder::RunFolder(std::string path) : path_(std::move(path)) {
  lock_ = ::open(file(".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  check(lock_ >= 0, "--output {}: files cannot be written there: {}", path_, std::strerror(errno));
  // A file system without locks is no reason to refuse; a lock that is held is.
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(lock_);
    lock_ = -1;
    fail("--output {}: another process is writing this run: wait for it, or name another folder", path_);
  }
}

RunFolder::RunFolder(RunFolder&& o) noexcept : path_(std::move(o.path_)), lock_(std::exchange(o.lock_, -1)) {}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

bool RunFolder::holds_run(const std::string& path) {
  std::error_code error;
  for (const char* name : {"config.json", "log.jsonl", "state", "model"})
    if (fs::exists(fs::path(path) / name, error)) return true;
  return false;
}

RunFolder RunFolder::create(const std::string& path) {
  check(!holds_run(path), "--output {}: holds a run already: continue it with --resume, or name another folder", path);
  make_folder(path);
  return RunFolder(path);
}

RunFolder RunFolder::create_numbered(const std::string& parent, const std::string& stem) {
  make_folder(parent);
  for (int n = 1;; ++n) {
    const fs::path path = fs::path(parent) / fmt::format("{}-{}", stem, n);
    std::error_code error;
    // Two programs that start together get two folders: only one of them makes it.
    if (fs::create_directory(path, error)) return RunFolder(path.string());
    check(!error, "{}: the folder cannot be made: {}", path.string(), error.message());
  }
}

RunFolder RunFolder::reopen(const std::string& path) {
  make_folder(path);
  RunFolder folder(path);
  std::error_code error;
  std::vector<fs::path> leftovers;
  for (const auto& where :
       {fs::path(path), fs::path(path) / "state", fs::path(path) / "model" / "best", fs::path(path) / "model" / "last"})
    for (const auto& entry : fs::directory_iterator(where, error))
      if (entry.path().filename().string().find(".tmp-") != std::string::npos) leftovers.push_back(entry.path());
  for (const fs::path& p : leftovers) fs::remove_all(p, error);
  return folder;
}

std::string RunFolder::state_dir(int64_t step) const {
  return fmt::format("{}/state/step-{}", path_, step);
}

std::vector<int64_t> RunFolder::states() const {
  std::vector<int64_t> steps;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(fs::path(path_) / "state", error))
    if (const int64_t step = step_of(entry.path().filename().string()); step >= 0) steps.push_back(step);
  std::sort(steps.begin(), steps.end());
  return steps;
}

void RunFolder::remove_other_events(const std::string& keep) const {
  std::error_code error;
  std::vector<fs::path> others;
  for (const auto& entry : fs::directory_iterator(path_, error)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("events.out.tfevents.", 0) == 0 && name != keep) others.push_back(entry.path());
  }
  for (const fs::path& p : others) fs::remove(p, error);
}

void RunFolder::remove_old_states(int64_t keep, int64_t best) const {
  const std::vector<int64_t> steps = states();
  for (size_t i = 0; i + size_t(std::max<int64_t>(1, keep)) < steps.size(); ++i) {
    if (steps[i] == best) continue;
    // Under its own name a state is complete: it loses the name before it loses a file.
    const fs::path old = state_dir(steps[i]);
    const fs::path doomed = fmt::format("{}/state/step-{}.tmp-{}", path_, steps[i], ::getpid());
    std::error_code error;
    fs::rename(old, doomed, error);
    if (!error) fs::remove_all(doomed, error);
  }
}

void check_same_config(const nlohmann::json& run, const nlohmann::json& now, const std::string& file) {
  static const std::set<std::string> kHarmless = {"resume",       "output",  "save-every", "save-minutes", "keep",
                                                  "max-hours",    "preset",  "cache-dir",  "log-seconds",  "save-dtype",
                                                  "verify-cache", "threads", "model",      "train",        "eval",
                                                  "profile",      "trace"};
  std::string differences;
  for (const auto& [flag, value] : now.items())
    if (!kHarmless.contains(flag) && run.contains(flag) && run[flag] != value)
      differences += fmt::format("{}--{} {} (the run has {})", differences.empty() ? "" : ", ", flag, value.dump(),
                                 run[flag].dump());
  check(differences.empty(), "--resume: {} differ from {}: leave these flags out, or start a new run", differences,
        file);
}

}  // namespace encore
