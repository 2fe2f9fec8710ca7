#include "kernels/base/cache_folder.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "kernels/base/check.h"

namespace encore {

std::string cache_folder(const std::string& dir) {
  std::string path = dir;
  if (path.empty()) {
    const char* named = std::getenv("ENCORE_CACHE");
    const char* home = std::getenv("HOME");
    if (named && *named) path = named;
    if (path.empty() && home && *home) path = std::string(home) + "/.cache/encore";
    check(!path.empty(), "no folder for token caches: set ENCORE_CACHE (neither it nor HOME is set)");
  }
  std::error_code error;
  std::filesystem::create_directories(path, error);
  check(!error, "{}: cannot make the cache folder: {}; set ENCORE_CACHE to a folder that can be written", path,
        error.message());
  check(::access(path.c_str(), W_OK | X_OK) == 0,
        "{}: the cache folder cannot be written; set ENCORE_CACHE to a folder that can", path);
  return path;
}

}  // namespace encore
