// Where the pinned vectors of the methods lie.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace encore::test {

// A folder of $ENCORE_METHODS, where that is not set of ../shared/golden/methods; "" where it is not there.
inline std::string methods_folder(const std::string& name) {
  const char* given = std::getenv("ENCORE_METHODS");
  const std::filesystem::path root =
      given && *given ? given : std::string(ENCORE_SOURCE_DIR) + "/../shared/golden/methods";
  std::error_code error;
  return std::filesystem::is_directory(root / name, error) ? (root / name).string() : "";
}

inline constexpr const char* kNoVectors = "skipped: no shared data (ENCORE_METHODS)";

}  // namespace encore::test
