// Shared by the fuzz targets. A target is one function over bytes, LLVMFuzzerTestOneInput; scripts/fuzz.sh links it
// with libFuzzer, the ordinary tests with replay_main.cpp.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "kernels/base/check.h"

namespace encore::fuzz {

// Checks a property that holds for every input. Not assert: a release build must stop here too.
inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: does not hold: %s\n", what);
  std::abort();
}

// Bad input may be refused (Error, exit code 2). Everything else that a parser does instead of reading is a finding: it
// leaves from here and ends the process.
template <class Parse>
void read_or_refuse(Parse&& parse) {
  try {
    parse();
  } catch (const Error& e) {
    must(e.exit_code() == 2, e.what());
  }
}

inline std::string_view as_text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A folder in memory for parsers that take a path, removed at the end of the process.
class Folder {
 public:
  Folder() {
    std::string name =
        ::access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm/encore-fuzz-XXXXXX" : "/tmp/encore-fuzz-XXXXXX";
    must(::mkdtemp(name.data()) != nullptr, "a folder for the inputs can be made");
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string write(const std::string& name, std::string_view bytes) const {
    const std::string file = path_ + "/" + name;
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0 && ::write(fd, bytes.data(), bytes.size()) == ssize_t(bytes.size()), "the input can be written");
    ::close(fd);
    return file;
  }

 private:
  std::string path_;
};

inline const Folder& folder() {
  static const Folder made;
  return made;
}

}  // namespace encore::fuzz
