// Folders, files and expected refusals for tests.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <span>
#include <string>

#include "kernels/base/check.h"

namespace encore {

// A new folder that is removed at the end.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "encore-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
}

inline std::span<const uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// The message of the Error that `act` throws, which must be one line with exit code 2. Fails and returns "" if it
// throws none.
inline std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& e) {
    const std::string message = e.what();
    EXPECT_EQ(e.exit_code(), 2) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }
  ADD_FAILURE() << "no refusal";
  return "";
}

// Every part must be in the message of the refusal.
inline void expect_refusal(const std::function<void()>& act, std::initializer_list<const char*> parts) {
  const std::string message = refusal(act);
  for (const char* part : parts) EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' in: " << message;
}

// The folder of recorded checkpoints; "" if it does not exist.
inline std::string golden_dir() {
  const std::string dir = ENCORE_SOURCE_DIR "/../shared/golden";
  return std::filesystem::exists(dir + "/mlm-d32/model/config.json") ? dir : "";
}

}  // namespace encore
