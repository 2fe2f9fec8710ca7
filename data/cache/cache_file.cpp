#include "data/cache/cache_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernels/base/check.h"

namespace encore {
namespace {

// False where the file ends early.
bool read_at(int fd, const std::string& path, uint64_t offset, char* out, uint64_t size) {
  while (size > 0) {
    const ssize_t n = ::pread(fd, out, size, off_t(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_io("{}: cannot read the token cache: {}", path, std::strerror(errno));
    if (n == 0) return false;
    out += n;
    offset += uint64_t(n);
    size -= uint64_t(n);
  }
  return true;
}

}  // namespace

CacheFile::~CacheFile() {
  if (fd_ >= 0) ::close(fd_);
}

std::string CacheFile::open(const std::string& path) {
  path_ = path;
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) return "is not there";
  struct stat info {};
  if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) return "is no file";
  device_ = uint64_t(info.st_dev);
  inode_ = uint64_t(info.st_ino);
  const uint64_t size = uint64_t(info.st_size);
  if (size < sizeof header_ || !read_at(fd_, path, 0, reinterpret_cast<char*>(&header_), sizeof header_))
    return "is too short";
  if (std::memcmp(header_.magic, kCacheMagic, sizeof kCacheMagic) != 0 || header_.version != kCacheVersion)
    return "is of another version";
  if (!sound(header_, size)) return "is torn";
  sums_.resize((size - header_.at_sums) / sizeof(uint64_t));
  char* sums = reinterpret_cast<char*>(sums_.data());
  const uint64_t sums_bytes = sums_.size() * sizeof(uint64_t);
  if (!read_at(fd_, path, header_.at_sums, sums, sums_bytes)) return "is torn";
  return hash_bytes({sums, sums_bytes}) == header_.sums_checksum ? "" : "is damaged";
}

bool CacheFile::read_block(uint64_t number, std::vector<char>& out) const {
  const uint64_t begin = number * kBlockBytes;
  out.resize(std::min(kBlockBytes, body() - begin));
  return read_at(fd_, path_, sizeof(CacheHeader) + begin, out.data(), out.size()) &&
         hash_bytes({out.data(), out.size()}) == sums_[number];
}

bool CacheFile::good(uint64_t begin, uint64_t end) const {
  if (begin >= end) return true;
  std::vector<char> block;
  const uint64_t last = (end - 1 - sizeof(CacheHeader)) / kBlockBytes;
  for (uint64_t number = (begin - sizeof(CacheHeader)) / kBlockBytes; number <= last; ++number)
    if (!read_block(number, block)) return false;
  return true;
}

void CacheFile::fail_damaged(uint64_t block) const {
  // The file is removed, unless another process has replaced it meanwhile.
  struct stat info {};
  const bool same = ::stat(path_.c_str(), &info) == 0 && info.st_ino == inode_ && info.st_dev == device_;
  const bool removed = same && ::unlink(path_.c_str()) == 0;
  const uint64_t begin = sizeof(CacheHeader) + block * kBlockBytes;
  fail_io(
      "{}: the token cache is damaged or was cut (checksum of bytes {} to {}); {}start again (a run "
      "with --resume), and it is made anew",
      path_, begin, std::min(begin + kBlockBytes, header_.at_sums), removed || !same ? "" : "remove it and ");
}

void CacheWindow::load(uint64_t offset) {
  const uint64_t number = (offset - sizeof(CacheHeader)) / kBlockBytes;
  if (!file_.read_block(number, block_)) {
    block_.clear();
    file_.fail_damaged(number);
  }
  first_ = sizeof(CacheHeader) + number * kBlockBytes;
}

}  // namespace encore
