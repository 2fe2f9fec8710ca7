#include "data/cache/growing_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "kernels/base/check.h"

namespace encore {
namespace {

constexpr size_t kWriteBuffer = size_t(1) << 20;

}  // namespace

GrowingFile::GrowingFile(std::string path, uint64_t head)
    : path_(std::move(path)), head_(head), fd_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (fd_ < 0) fail_with("cannot create the file");
}

GrowingFile::~GrowingFile() {
  ::close(fd_);
}

void GrowingFile::fail_with(const char* action) const {
  fail_io("{}: {}: {}", path_, action, std::strerror(errno));
}

bool GrowingFile::resume(uint64_t size, uint64_t hash, const Pieces& seen) {
  if (size < head_) return false;
  hash_ = Hasher();
  const uint64_t end = read(size, [&](std::string_view piece) {
    hash_.add(piece);
    seen(piece);
  });
  if (end != size || hash_.digest() != hash) return false;
  if (::ftruncate(fd_, off_t(size)) != 0) fail_with("cannot cut the file");
  flushed_ = size;
  return true;
}

void GrowingFile::append(std::string_view bytes) {
  const uint64_t in_head = std::min<uint64_t>(bytes.size(), head_ - std::min(head_, size()));
  hash_.add(bytes.substr(size_t(in_head)));
  buffer_.append(bytes);
  if (buffer_.size() >= kWriteBuffer) flush();
}

void GrowingFile::write_at(uint64_t offset, std::string_view bytes) {
  flush();
  write_out(bytes, offset);
}

void GrowingFile::flush() {
  write_out(buffer_, flushed_);
  flushed_ += buffer_.size();
  buffer_.clear();
}

void GrowingFile::sync() {
  flush();
  if (::fdatasync(fd_) != 0) fail_with("cannot flush to the disk");
}

void GrowingFile::write_out(std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), off_t(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_with("cannot write");
    bytes.remove_prefix(size_t(n));
    offset += uint64_t(n);
  }
}

void GrowingFile::read_back(const Pieces& seen) {
  flush();
  if (read(flushed_, seen) != flushed_) fail_io("{}: the file is shorter than what was written", path_);
}

uint64_t GrowingFile::read(uint64_t size, const Pieces& seen) const {
  std::string piece(kWriteBuffer, '\0');
  uint64_t at = head_;
  while (at < size) {
    const ssize_t n = ::pread(fd_, piece.data(), size_t(std::min<uint64_t>(kWriteBuffer, size - at)), off_t(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_with("cannot read back");
    if (n == 0) break;
    seen(std::string_view(piece.data(), size_t(n)));
    at += uint64_t(n);
  }
  return at;
}

}  // namespace encore
