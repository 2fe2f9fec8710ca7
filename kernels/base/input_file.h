// Files that are read: the one way to open those of model folders and run folders.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

namespace encore {

// A regular file, open for reading.
class InputFile {
 public:
  // Throws Error naming the path: missing, unreadable, not a regular file. A named pipe, a device and a folder are
  // refused at once; opening never waits.
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  int descriptor() const { return fd_; }
  uint64_t size() const { return size_; }  // when it was opened
  const std::string& path() const { return path_; }
  // Throws IoError naming the path if the file is shorter now than when it was opened.
  void check_size() const;

 private:
  std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

// A stream that reads a regular file; one in a failed state if there is no such file. Throws Error for a named pipe or
// a device, which would block a reader for ever.
std::ifstream open_regular(const std::string& path);

// All bytes of a regular file, for files that fit into memory. Throws Error as InputFile does, and for a read that
// fails.
std::string read_input_file(const std::string& path);

}  // namespace encore
