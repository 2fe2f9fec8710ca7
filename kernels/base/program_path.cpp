#include "kernels/base/program_path.h"

#include <filesystem>

#include "kernels/base/check.h"

namespace encore {

namespace fs = std::filesystem;

std::string program_dir() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  check(!error, "/proc/self/exe cannot be read ({}): the program cannot find its own folder", error.message());
  return self.parent_path().string();
}

std::string project_path(const std::string& relative) {
  const fs::path start = program_dir();
  for (fs::path dir = start;; dir = dir.parent_path()) {
    for (const fs::path& candidate : {dir / relative, dir / "share" / "encore" / relative})
      if (fs::exists(candidate)) return candidate.string();
    if (dir == dir.parent_path()) break;
  }
  fail("{} is in none of the folders above {}: run the program from the project's build, or name the files by flags",
       relative, start.string());
}

std::string plugin_path(const std::string& file) {
  const fs::path dir = program_dir();
  for (const fs::path& candidate : {dir / file, dir / ".." / "lib" / file})
    if (fs::exists(candidate)) return candidate.lexically_normal().string();
  return "";
}

}  // namespace encore
