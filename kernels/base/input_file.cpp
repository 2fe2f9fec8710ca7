#include "kernels/base/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernels/base/check.h"

namespace encore {

InputFile::InputFile(const std::string& path) : path_(path) {
  // A named pipe without a writer would block the opening for ever.
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd_ < 0) fail("{}: cannot be read: {}", path, std::strerror(errno));
  struct stat status {};
  std::string problem;
  if (::fstat(fd_, &status) != 0)
    problem = std::strerror(errno);
  else if (!S_ISREG(status.st_mode))
    problem = S_ISDIR(status.st_mode) ? "a folder, not a regular file" : "not a regular file (a pipe or a device)";
  size_ = uint64_t(status.st_size);
  if (problem.empty()) return;
  ::close(fd_);
  fail("{}: cannot be read: {}", path, problem);
}

InputFile::~InputFile() {
  ::close(fd_);
}

void InputFile::check_size() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) fail_io("{}: cannot be read: {}", path_, std::strerror(errno));
  if (uint64_t(status.st_size) < size_)
    fail_io("{}: became shorter while it was read: {} bytes, {} before", path_, status.st_size, size_);
}

std::ifstream open_regular(const std::string& path) {
  struct stat status {};
  const bool other = ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
  check(!other, "{}: cannot be read: not a regular file (a pipe or a device)", path);
  return std::ifstream(path, std::ios::binary);
}

std::string read_input_file(const std::string& path) {
  const InputFile file(path);
  std::string bytes;
  char part[size_t(1) << 16];
  for (;;) {
    const ssize_t n = ::read(file.descriptor(), part, sizeof(part));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("{}: cannot be read: {}", path, std::strerror(errno));
    if (n == 0) return bytes;
    bytes.append(part, size_t(n));
  }
}

}  // namespace encore
