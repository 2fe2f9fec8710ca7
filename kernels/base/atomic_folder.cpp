#include "kernels/base/atomic_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
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

AtomicFolder::AtomicFolder(std::string path)
    : path_(std::move(path)), temporary_(fmt::format("{}{}{}", path_, kTemporary, ::getpid())) {
  std::error_code error;
  fs::remove_all(temporary_, error);
  fs::create_directories(temporary_, error);
  if (error) fail_io("{}: cannot make the folder: {}", path_, error.message());
}

AtomicFolder::~AtomicFolder() {
  std::error_code error;
  if (!committed_) fs::remove_all(temporary_, error);
}

void AtomicFolder::commit() {
  sync_folder(temporary_);
  const std::string parent = parent_of(path_);
  std::error_code error;
  const bool replaces = fs::exists(path_, error);
  int reason = rename_errno(temporary_, path_, replaces ? RENAME_EXCHANGE : 0);
  if (replaces && (reason == EINVAL || reason == ENOSYS || reason == ENOTSUP)) {
    replace_by_two_renames(temporary_, path_);
    reason = 0;
  }
  if (reason != 0) cannot_publish(path_, reason);
  committed_ = true;
  sync_folder(parent);
  sync_folder(parent_of(parent));
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

void recover_folders(const std::string& parent) {
  std::error_code error;
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(parent, error))
    if (entry.path().filename().string().find(kTemporary) != std::string::npos) left.push_back(entry.path());
  for (const fs::path& p : left) {
    const std::string name = p.string();
    if (!name.ends_with(kAside)) continue;
    const std::string own = name.substr(0, name.size() - std::strlen(kAside));
    if (!fs::exists(own, error)) rename_errno(name, own);
  }
  for (const fs::path& p : left) fs::remove_all(p, error);
}

}  // namespace encore
