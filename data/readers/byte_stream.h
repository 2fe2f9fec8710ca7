// A file's text as a stream of bytes, unpacked by its ending: .gz (zlib), .zst (zstd), anything else as it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kernels/base/hash.h"

namespace encore {

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Fills at most `size` bytes; 0 only at the end. Throws Error naming the file for an archive that is damaged or ends
  // too early, IoError when the disk fails.
  virtual size_t read(char* out, size_t size) = 0;
  // XXH64 of the bytes of the file as it lies on the disk, and their number; complete after read() has returned 0.
  virtual uint64_t file_hash() const = 0;
  virtual uint64_t file_bytes() const = 0;
};

// Throws Error when the file cannot be opened, is a folder, or is empty (0 bytes).
std::unique_ptr<ByteStream> open_byte_stream(const std::string& path);

// XXH64 of a whole file as it lies on the disk.
uint64_t hash_file(const std::string& path);

}  // namespace encore
