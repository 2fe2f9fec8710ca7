#include "train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "kernels/base/atomic_file.h"
#include "kernels/base/atomic_folder.h"
#include "kernels/base/check.h"
#include "train/state_file.h"

namespace fs = std::filesystem;

namespace encore {
namespace {

constexpr std::string_view kSuperseded = ".superseded";

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

// A folder with a state's name is always complete, so the state is renamed before its files are removed.
void remove_state(const fs::path& dir) {
  const fs::path doomed = fmt::format("{}.tmp-removed-{}", dir.string(), ::getpid());
  std::error_code error;
  fs::rename(dir, doomed, error);
  if (!error) fs::remove_all(doomed, error);
}

std::string file_text(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

RunFolder::RunFolder(std::string path) : path_(std::move(path)) {
  lock();
}

void RunFolder::lock() {
  lock_ = ::open(file(".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  check(lock_ >= 0, "--output {}: files cannot be written there: {}", path_, std::strerror(errno));
  // Refuses only if another process holds the lock; a file system may have no locks.
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(lock_);
    lock_ = -1;
    fail("--output {}: another process is writing this run: wait for it, or name another folder", path_);
  }
  struct stat info {};
  check(::stat(path_.c_str(), &info) == 0, "--output {}: {}", path_, std::strerror(errno));
  device_ = info.st_dev;
  inode_ = info.st_ino;
}

RunFolder::RunFolder(RunFolder&& o) noexcept
    : path_(std::move(o.path_)),
      config_(std::move(o.config_)),
      lock_(std::exchange(o.lock_, -1)),
      device_(o.device_),
      inode_(o.inode_) {}

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
    // create_directory succeeds in one process only, so two programs that start together get two folders.
    if (fs::create_directory(path, error)) return RunFolder(path.string());
    check(!error, "{}: the folder cannot be made: {}", path.string(), error.message());
  }
}

RunFolder RunFolder::reopen(const std::string& path) {
  make_folder(path);
  RunFolder folder(path);
  folder.config_ = file_text(folder.file("config.json"));
  for (const char* inside : {"", "/state", "/model"}) recover_folders(path + inside);
  return folder;
}

void RunFolder::write_config(const std::string& text) {
  write_file_atomic(file("config.json"), text);
  config_ = text;
}

bool RunFolder::in_place() const {
  struct stat info {};
  return ::stat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_;
}

void RunFolder::check_in_place() const {
  if (!in_place()) fail_io("{}: the folder was removed or replaced while the run was writing to it", path_);
}

void RunFolder::write(const std::function<void()>& writing) const {
  try {
    writing();
  } catch (const IoError&) {
    check_in_place();
    throw;
  }
}

void RunFolder::restore() {
  std::error_code error;
  if (fs::exists(path_, error)) check_in_place();
  fs::create_directories(path_, error);
  if (error) fail_io("{}: the folder was removed and cannot be made anew: {}", path_, error.message());
  ::close(lock_);
  lock();
  if (!config_.empty()) write_file_atomic(file("config.json"), config_);
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

int64_t RunFolder::whole_state_before(int64_t step) const {
  const std::vector<int64_t> steps = states();
  for (auto it = steps.rbegin(); it != steps.rend(); ++it)
    if (*it < step && state_is_whole(state_dir(*it))) return *it;
  return -1;
}

void RunFolder::set_aside_states_after(int64_t step) const {
  bool any = false;
  for (const int64_t s : states()) {
    if (s <= step) continue;
    const std::string aside = state_dir(s) + std::string(kSuperseded);
    std::error_code error;
    fs::remove_all(aside, error);
    fs::rename(state_dir(s), aside, error);
    if (error) fail_io("{}: cannot be set aside: {}", state_dir(s), error.message());
    any = true;
  }
  if (any) sync_folder(path_ + "/state");
}

void RunFolder::remove_old_states(int64_t keep, int64_t best) const {
  std::error_code error;
  std::vector<fs::path> superseded;
  for (const auto& entry : fs::directory_iterator(fs::path(path_) / "state", error))
    if (entry.path().filename().string().ends_with(kSuperseded)) superseded.push_back(entry.path());
  for (const fs::path& p : superseded) remove_state(p);

  const std::vector<int64_t> steps = states();
  int64_t kept = 0;
  for (auto it = steps.rbegin(); it != steps.rend(); ++it) {
    if (kept >= std::max<int64_t>(1, keep)) {
      if (*it != best) remove_state(state_dir(*it));
    } else if (state_looks_whole(state_dir(*it))) {
      ++kept;  // a damaged state cannot be resumed from and does not count; it is kept for inspection
    }
  }
}

void check_same_config(const nlohmann::json& run, const nlohmann::json& now, const std::vector<std::string>& fixed,
                       const std::string& file) {
  std::string differences;
  for (const std::string& flag : fixed)
    if (now.contains(flag) && run.contains(flag) && run[flag] != now[flag])
      differences += fmt::format("{}--{} {} (the run has {})", differences.empty() ? "" : ", ", flag, now[flag].dump(),
                                 run[flag].dump());
  check(differences.empty(), "--resume: {} differ from {}: leave these flags out, or start a new run", differences,
        file);
}

}  // namespace encore
