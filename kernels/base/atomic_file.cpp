#include "kernels/base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "kernels/base/check.h"

namespace encore {
namespace {

constexpr size_t kBuffer = size_t(1) << 20;

std::string unique_name(const std::string& path) {
  static std::atomic<unsigned> counter{0};
  return fmt::format("{}.tmp-{}-{}", path, ::getpid(), counter++);
}

// A rename is durable only after fsync of the folder. Some file systems refuse that; then the rename is left as it is.
void sync_folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

void write_file_atomic(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void publish_file(const std::string& from, const std::string& path) {
  if (::rename(from.c_str(), path.c_str()) != 0) fail_io("{}: cannot publish the file: {}", path, std::strerror(errno));
  sync_folder_of(path);
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), temporary_(unique_name(path_)) {
  // A process that was killed may have left a file of this name: in a container, process ids repeat.
  while ((fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) < 0 && errno == EEXIST)
    temporary_ = unique_name(path_);
  if (fd_ < 0) fail_with(errno, "cannot create the file");
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) {
    ::close(fd_);
    ::unlink(temporary_.c_str());
  }
}

void AtomicFile::fail_with(int error, const char* action) {
  fail_io("{}: {}: {}", path_, action, std::strerror(error));
}

void AtomicFile::write(const void* data, size_t size) {
  const char* bytes = static_cast<const char*>(data);
  if (buffer_.size() + size <= kBuffer) {
    buffer_.append(bytes, size);
    return;
  }
  flush();
  if (size < kBuffer) {
    buffer_.assign(bytes, size);
    return;
  }
  write_out(bytes, size, flushed_);
  flushed_ += size;
}

void AtomicFile::write_at(uint64_t offset, std::string_view bytes) {
  check(offset + bytes.size() <= size(), "{}: write_at past the end of what was written", path_);
  flush();
  write_out(bytes.data(), bytes.size(), offset);
}

void AtomicFile::flush() {
  write_out(buffer_.data(), buffer_.size(), flushed_);
  flushed_ += buffer_.size();
  buffer_.clear();
}

void AtomicFile::write_out(const char* data, size_t size, uint64_t offset) {
  if (fd_ < 0) fail_io("{}: written to after commit", path_);
  while (size > 0) {
    const ssize_t n = ::pwrite(fd_, data, size, off_t(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_with(errno, "cannot write");
    data += n;
    size -= size_t(n);
    offset += uint64_t(n);
  }
}

void AtomicFile::commit() {
  flush();
  if (::fsync(fd_) != 0) fail_with(errno, "cannot flush to the disk");
  // Some file systems report a full disk only here.
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    fail_with(error, "cannot publish the file");
  }
  sync_folder_of(path_);
}

}  // namespace encore
