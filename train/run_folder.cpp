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
#include <set>

#include "kernels/base/atomic_file.h"
#include "kernels/base/atomic_folder.h"
#include "kernels/base/check.h"
#include "kernels/base/in_quotes.h"
#include "kernels/base/path_text.h"
#include "kernels/base/read_json.h"
#include "train/run_digest.h"
#include "train/state_file.h"
#include "train/tfevents.h"

namespace fs = std::filesystem;

namespace encore {
namespace {

constexpr std::string_view kSuperseded = ".superseded";
constexpr const char* kLock = ".lock";
constexpr const char* kConfig = "config.json";

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

// Whether a run gives this name to a file or folder, in its own folder or in one of those inside.
bool is_name_of_a_run(const std::string& name) {
  static const std::set<std::string> kNames = {
      "",     "config.json", "ledger.json", "log.jsonl",      "report.html", "model", "results.json",
      "best", "last",        "topics.json", "vocabulary.json"};
  const bool superseded = name.ends_with(kSuperseded);
  return kNames.contains(name) || is_events_file_name(name) ||
         step_of(superseded ? name.substr(0, name.size() - kSuperseded.size()) : name) >= 0;
}

// A name in the folder that is no leaving of a start that was killed before config.json stood there; "": none.
std::string first_entry(const std::string& path) {
  std::error_code error;
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    if (name != kLock && !(name.starts_with(kConfig) && is_temporary_name(name))) names.insert(name);
  }
  return names.empty() ? "" : *names.begin();
}

// The config.json of a run; null for another file of this name. Older runs do not name their program.
nlohmann::json read_run_config(const std::string& path) {
  nlohmann::json config;
  try {
    config = read_json_file(path + "/" + kConfig);
  } catch (const Error&) {
    return nullptr;
  }
  const bool of_a_run = config.is_object() && config.contains("output") && config.contains("resume");
  return of_a_run ? config : nlohmann::json();
}

// Throws Error naming each of the `fixed` flags whose value differs from the run's own config.json. The other flags
// (where files go, how often to save, when to stop early) change neither numbers nor data.
void check_same_config(const nlohmann::json& run, const nlohmann::json& now, const std::vector<std::string>& fixed,
                       const std::string& path) {
  RunDigest ours, theirs;
  add_flags(ours, now, fixed);
  add_flags(theirs, run, fixed);
  const std::string different = differences(ours, theirs, "the run");
  check(different.empty(), "--resume: {}: {} differ from {}/{}: leave these flags out, or start a new run", path,
        different, path, kConfig);
}

}  // namespace

RunFolder::RunFolder(std::string path) : path_(std::move(path)) {
  lock();
}

void RunFolder::lock() {
  lock_ = ::open(file(kLock).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
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
      files_(std::move(o.files_)),
      unwritten_(std::move(o.unwritten_)),
      resumed_(o.resumed_),
      lock_(std::exchange(o.lock_, -1)),
      device_(o.device_),
      inode_(o.inode_) {}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

bool RunFolder::check_output(const std::string& path, const std::string& program, bool resume) {
  std::error_code error;
  if (!fs::exists(path, error) && !fs::is_symlink(path, error)) return false;
  check(fs::is_directory(path, error), "--output {}: is no folder", path);
  const std::string entry = first_entry(path);
  if (entry.empty()) return false;
  const nlohmann::json config = read_run_config(path);
  check(!config.is_null(), "--output {}: holds {}, which no run of {} put there: name a new or an empty folder", path,
        in_quotes(entry), program);
  const std::string theirs = config.value("program", program);
  check(theirs == program, "--output {}: holds a run of {}, not of {}: name another folder", path, theirs, program);
  check(resume, "--output {}: holds a run already: continue it with --resume, or name another folder", path);
  return true;
}

RunFolder RunFolder::open(OutputSpec& output, nlohmann::json config) {
  const bool numbered = output.folder.empty();
  if (!numbered) {
    check_output(output.folder, output.program, output.resume);
    make_folder(output.folder);
  }
  RunFolder folder = numbered ? create_numbered("runs", output.stem) : RunFolder(output.folder);
  output.folder = folder.path_;
  // Again under the lock: another process may have written there meanwhile.
  folder.resumed_ = check_output(folder.path_, output.program, output.resume);
  config["output"] = absolute_path_text(folder.path_);
  if (folder.resumed_) {
    for (const char* inside : {"", "/state", "/model"}) recover_folders(folder.path_ + inside, is_name_of_a_run);
    const nlohmann::json own = output.by_own_names(read_run_config(folder.path_));
    check_same_config(own, config, output.fixed_on_resume, folder.path_);
    config = own;
  }
  folder.put(kConfig, config.dump(2) + "\n");
  if (folder.resumed_) folder.unwritten_.clear();
  return folder;
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

void RunFolder::put(const std::string& name, std::string text) {
  files_[name] = std::move(text);
  unwritten_.insert(name);
}

void RunFolder::write_files() {
  while (!unwritten_.empty()) {
    const std::string name = *unwritten_.begin();
    write_file_atomic(file(name), files_.at(name));
    unwritten_.erase(name);
  }
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
  try {
    lock();
  } catch (const Error& e) {
    fail_io("{}", e.what());
  }
  for (const auto& [name, text] : files_) unwritten_.insert(name);
  write_files();
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
    if (is_events_file_name(name) && name != keep) others.push_back(entry.path());
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

std::vector<std::string> RunFolder::superseded_states() const {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(fs::path(path_) / "state", error)) {
    std::string name = entry.path().filename().string();
    if (!name.ends_with(kSuperseded)) continue;
    name.resize(name.size() - kSuperseded.size());
    if (step_of(name) >= 0) found.push_back(entry.path().string());
  }
  return found;
}

void RunFolder::remove_states() const {
  for (const int64_t step : states()) remove_state(state_dir(step));
  std::error_code error;
  for (const std::string& dir : superseded_states()) remove_state(dir);
  std::error_code ignored;  // of a folder that is not empty
  fs::remove(fs::path(path_) / "state", ignored);
}

void RunFolder::remove_old_states(int64_t keep, int64_t best) const {
  for (const std::string& dir : superseded_states()) remove_state(dir);
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

}  // namespace encore
