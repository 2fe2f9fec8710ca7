#include "kernels/base/file_checksum.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/base/usable_cores.h"

namespace encore {
namespace {

constexpr uint64_t kPart = uint64_t(4) << 20;

// CRC-32 of `bytes` bytes from `offset` on. On failure sets `failure` to the errno, or to -1 where the file ends early.
uint32_t part_crc(int fd, uint64_t offset, uint64_t bytes, std::atomic<int>& failure) {
  std::vector<Bytef> buffer(std::min<uint64_t>(bytes, uint64_t(256) << 10));
  uint32_t crc = 0;
  while (bytes > 0) {
    const ssize_t n = ::pread(fd, buffer.data(), std::min<uint64_t>(bytes, buffer.size()), off_t(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      failure = n < 0 ? errno : -1;
      return 0;
    }
    crc = uint32_t(::crc32_z(crc, buffer.data(), size_t(n)));
    offset += uint64_t(n);
    bytes -= uint64_t(n);
  }
  return crc;
}

}  // namespace

std::string FileChecksum::hex() const {
  return fmt::format("{:08x}", crc32);
}

FileChecksum range_checksum(const InputFile& file, uint64_t first, uint64_t bytes) {
  std::atomic<int> failure{0};
  FileChecksum sum{.bytes = bytes};
  const int64_t parts = int64_t((bytes + kPart - 1) / kPart);
  std::vector<uint32_t> crcs(size_t(parts), 0);
  const int threads = parts > 1 ? loop_threads(0) : 1;
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t p = 0; p < parts; ++p) {
    const uint64_t begin = uint64_t(p) * kPart;
    crcs[size_t(p)] = part_crc(file.descriptor(), first + begin, std::min(kPart, bytes - begin), failure);
  }
  if (failure != 0)
    fail_io("{}: cannot be read: {}", file.path(), failure > 0 ? std::strerror(failure) : "it became shorter");
  for (int64_t p = 0; p < parts; ++p) {
    const uint64_t length = std::min(kPart, bytes - uint64_t(p) * kPart);
    sum.crc32 = uint32_t(::crc32_combine(sum.crc32, crcs[size_t(p)], z_off_t(length)));
  }
  return sum;
}

FileChecksum file_checksum(const std::string& path) {
  const InputFile file(path);
  return range_checksum(file, 0, file.size());
}

FileChecksum joined(const FileChecksum& a, const FileChecksum& b) {
  return {.bytes = a.bytes + b.bytes, .crc32 = uint32_t(::crc32_combine(a.crc32, b.crc32, z_off_t(b.bytes)))};
}

}  // namespace encore
