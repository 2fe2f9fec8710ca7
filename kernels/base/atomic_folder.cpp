#include "kernels/base/atomic_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <regex>
#include <vector>

#include "kernels/base/check.h"

namespace fs = std::filesystem;

namespace encore {
namespace {

constexpr const char* kTemporary = ".tmp-";
constexpr const char* kAside = ".tmp-old";

std::string parent_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

// Returns 0 or the errno.
int rename_errno(const std::string& from, const std::string& to, unsigned flags = 0) {
  return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0 ? 0 : errno;
}

// What a temporary name stands for: "state.json" of "state.json.tmp-1234-0".
std::optional<std::string> final_name(const std::string& name) {
  static const std::regex kForm(R"(([^]*)\.tmp-(old|(removed-)?\d+(-\d+)?))");
  std::smatch match;
  if (!std::regex_match(name, match, kForm)) return std::nullopt;
  return match[1].str();
}

[[noreturn]] void cannot_publish(const std::string& path, int reason) {
  fail_io("{}: cannot publish the folder: {}", path, std::strerror(reason));
}

}  // namespace

void sync_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail_io("{}: cannot be opened: {}", path, std::strerror(errno));
  const int reason = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (reason != 0 && reason != EINVAL && reason != EROFS && reason != ENOTSUP)
    fail_io("{}: cannot flush the folder to the disk: {}", path, std::strerror(reason));
}

AtomicFolder::AtomicFolder(std::string path) : path_(std::move(path)) {
  std::error_code error;
  fills_ = fs::is_directory(path_, error) && fs::is_empty(path_, error) && !error;
  const std::string stem = (fills_ ? path_ + "/" : path_) + kTemporary + std::to_string(::getpid());
  temporary_ = stem;
  fs::create_directories(parent_of(temporary_), error);
  // A killed process may have left a folder of this name: in a container, process ids repeat.
  for (int n = 0; !error && !fs::create_directory(temporary_, error); ++n) temporary_ = fmt::format("{}-{}", stem, n);
  if (error) fail_io("{}: cannot make the folder: {}", path_, error.message());
}

AtomicFolder::~AtomicFolder() {
  std::error_code error;
  if (!committed_) fs::remove_all(temporary_, error);
}

// The folder itself stays: its owner and mode, a mount, the shell that stands in it.
void AtomicFolder::fill() {
  std::vector<std::string> moved;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(temporary_, error)) moved.push_back(entry.path().filename().string());
  for (size_t i = 0; i < moved.size(); ++i) {
    const int reason = rename_errno(temporary_ + "/" + moved[i], path_ + "/" + moved[i]);
    if (reason == 0) continue;
    while (i-- > 0) rename_errno(path_ + "/" + moved[i], temporary_ + "/" + moved[i]);
    cannot_publish(path_, reason);
  }
  fs::remove(temporary_, error);
  sync_folder(path_);
}

void AtomicFolder::commit() {
  sync_folder(temporary_);
  if (fills_) {
    fill();
    committed_ = true;
    return;
  }
  const std::string parent = parent_of(path_);
  std::error_code error;
  const bool replaces = fs::exists(path_, error);
  int reason = rename_errno(temporary_, path_, replaces ? RENAME_EXCHANGE : 0);
  if (replaces && (reason == EINVAL || reason == ENOSYS || reason == ENOTSUP)) {
    replace_by_two_renames(temporary_, path_);
    reason = 0;
  }
  if (reason != 0) cannot_publish(path_, reason);
  try {
    sync_folder(parent);
    sync_folder(parent_of(parent));
  } catch (const IoError&) {
    if (rename_errno(path_, temporary_, replaces ? RENAME_EXCHANGE : 0) == 0) throw;
    committed_ = true;  // a file system without an exchange: the new folder stays
    throw;
  }
  committed_ = true;
  // After the exchange the old folder, if there was one, has the temporary name.
  fs::remove_all(temporary_, error);
}

void replace_by_two_renames(const std::string& temporary, const std::string& path) {
  const std::string aside = path + kAside;
  std::error_code error;
  fs::remove_all(aside, error);
  if (const int reason = rename_errno(path, aside)) cannot_publish(path, reason);
  if (const int reason = rename_errno(temporary, path)) {
    rename_errno(aside, path);
    cannot_publish(path, reason);
  }
  sync_folder(parent_of(path));
  fs::remove_all(aside, error);
}

bool is_temporary_name(const std::string& name) {
  return final_name(name).has_value();
}

void recover_folders(const std::string& parent, const std::function<bool(const std::string& name)>& owns) {
  std::error_code error;
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    const std::optional<std::string> name = final_name(entry.path().filename().string());
    if (name && owns(*name)) left.push_back(entry.path());
  }
  for (const fs::path& p : left) {
    const std::string name = p.string();
    if (!name.ends_with(kAside)) continue;
    const std::string own = name.substr(0, name.size() - std::strlen(kAside));
    if (!fs::exists(own, error)) rename_errno(name, own);
  }
  for (const fs::path& p : left) fs::remove_all(p, error);
}

}  // namespace encore
