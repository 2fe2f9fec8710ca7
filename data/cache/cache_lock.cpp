#include "data/cache/cache_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <regex>
#include <system_error>
#include <thread>

namespace encore {
namespace {

namespace fs = std::filesystem;

// False for a lock on a file that has lost its name: the holder of a lock removes the file.
bool still_there(int fd, const std::string& path) {
  struct stat open {
  }, named{};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 && open.st_ino == named.st_ino &&
         open.st_dev == named.st_dev;
}

// 0, or the error. EWOULDBLOCK: another process holds it.
int take(int fd, int how) {
  while (::flock(fd, how) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

// Waits for the lock; tells `say` when that takes more than a second.
int take_patiently(int fd, const std::string& path, const std::function<void(const std::string&)>& say, bool& said) {
  using namespace std::chrono_literals;
  for (int tries = 0; tries < 20 && !said; ++tries) {
    const int error = take(fd, LOCK_EX | LOCK_NB);
    if (error != EWOULDBLOCK) return error;
    std::this_thread::sleep_for(50ms);
  }
  if (say && !said) say(fmt::format("waiting for another process, which is building this token cache ({})", path));
  said = true;
  return take(fd, LOCK_EX);
}

fs::file_time_type last_touched(const fs::path& path) {
  std::error_code ignored;
  fs::file_time_type newest = fs::last_write_time(path, ignored);
  if (fs::is_directory(fs::symlink_status(path, ignored)))
    for (fs::directory_iterator it(path, ignored), end; it != end; it.increment(ignored))
      newest = std::max(newest, fs::last_write_time(it->path(), ignored));
  return newest;
}

// Removes a leftover while holding the lock of the cache that it belongs to.
void remove_if_dead(const fs::path& path, const std::string& lock_path) {
  const int fd = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return;
  if (take(fd, LOCK_EX | LOCK_NB) == 0 && still_there(fd, lock_path)) {
    std::error_code ignored;
    if (path != lock_path) fs::remove_all(path, ignored);
    ::unlink(lock_path.c_str());
  }
  ::close(fd);
}

}  // namespace

BuildLock::BuildLock(const std::string& cache_path, const std::function<void(const std::string&)>& say)
    : path_(path_of(cache_path)) {
  bool said = false;
  for (;;) {
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd_ < 0) return;
    const int error = take_patiently(fd_, cache_path, say, said);
    if (error == 0 && still_there(fd_, path_)) return;
    ::close(fd_);
    fd_ = -1;
    if (error != 0) {
      ::unlink(path_.c_str());
      return;
    }
  }
}

BuildLock::~BuildLock() {
  if (fd_ < 0) return;
  ::unlink(path_.c_str());
  ::close(fd_);
}

void remove_dead_builds(const std::string& folder, double days) {
  static const std::regex kOfCache(R"(([0-9a-f]{16}\.tokens)\.(building.*|tmp-.*|part-.*|lock))");
  static const std::regex kOfInput(R"(stdin-copy-[0-9]+(\.tmp-.*)?(\.gz|\.zst)?)");
  const auto age =
      std::chrono::duration_cast<fs::file_time_type::duration>(std::chrono::duration<double, std::ratio<86400>>(days));
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::smatch match;
    const bool of_cache = std::regex_match(name, match, kOfCache);
    if (!of_cache && !std::regex_match(name, kOfInput)) continue;
    if (last_touched(it->path()) + age > fs::file_time_type::clock::now()) continue;
    if (of_cache)
      remove_if_dead(it->path(), folder + "/" + BuildLock::path_of(match[1].str()));
    else
      fs::remove(it->path(), error);
  }
}

}  // namespace encore
