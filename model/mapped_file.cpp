#include "model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernels/base/check.h"

namespace encore {

MappedFile::MappedFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("{}: cannot be read: {}", path, std::strerror(errno));
  struct stat status {};
  const char* problem = nullptr;
  if (::fstat(fd, &status) != 0)
    problem = std::strerror(errno);
  else if (!S_ISREG(status.st_mode))
    problem = "not a regular file";
  else if (status.st_size > 0) {
    void* memory = ::mmap(nullptr, size_t(status.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED) {
      problem = std::strerror(errno);
    } else {
      data_ = static_cast<const uint8_t*>(memory);
      size_ = size_t(status.st_size);
    }
  }
  ::close(fd);
  if (problem) fail("{}: cannot be read: {}", path, problem);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<uint8_t*>(data_), size_);
}

}  // namespace encore
