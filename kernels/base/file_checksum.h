// The CRC-32 (zlib's) of a file's bytes.
#pragma once

#include <cstdint>
#include <string>

namespace encore {

struct FileChecksum {
  uint64_t bytes = 0;
  uint32_t crc32 = 0;
  std::string hex() const;  // "0badcafe"
  bool operator==(const FileChecksum&) const = default;
};

// Reads the whole file, with all threads. Throws IoError naming it.
FileChecksum file_checksum(const std::string& path);

}  // namespace encore
