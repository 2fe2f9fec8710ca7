// Locks of token caches under construction, and the removal of abandoned builds.
#pragma once

#include <functional>
#include <string>

namespace encore {

// Lets one process at a time build a cache. The kernel frees the lock when its holder dies. On a file system without
// locks held() is false and each process builds for itself: the last rename wins, with the same content.
class BuildLock {
 public:
  // Waits for the process that holds the lock. After a second, `say`, if given, gets one line about it.
  BuildLock(const std::string& cache_path, const std::function<void(const std::string&)>& say);
  ~BuildLock();
  BuildLock(const BuildLock&) = delete;
  BuildLock& operator=(const BuildLock&) = delete;

  bool held() const { return fd_ >= 0; }

  static std::string path_of(const std::string& cache_path) { return cache_path + ".lock"; }

 private:
  std::string path_;
  int fd_ = -1;
};

// Removes from a cache folder the unfinished builds, temporary files and locks that no process holds and that have not
// been touched for `days`. Finished caches and copies of standard input stay. Never throws.
void remove_dead_builds(const std::string& folder, double days = 7);

}  // namespace encore
