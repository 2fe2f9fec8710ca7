// The CRC-32 (zlib's) of a file's bytes. Bytes are read, not mapped: a file that is cut meanwhile is an error and no
// SIGBUS.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/base/input_file.h"

namespace encore {

struct FileChecksum {
  uint64_t bytes = 0;
  uint32_t crc32 = 0;
  std::string hex() const;  // "0badcafe"
  bool operator==(const FileChecksum&) const = default;
};

// Reads the whole file, with all threads. Throws Error if it cannot be opened (kernels/base/input_file.h), and IoError
// naming it if a read fails.
FileChecksum file_checksum(const std::string& path);
// The same of `bytes` bytes from `first` on. REQUIRES: they lie in the file.
FileChecksum range_checksum(const InputFile&, uint64_t first, uint64_t bytes);

// The checksum of the bytes of `a` followed by those of `b`.
FileChecksum joined(const FileChecksum& a, const FileChecksum& b);

}  // namespace encore
