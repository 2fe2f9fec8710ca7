// The part of the zip format that PyTorch files need: stored and deflated entries, zip64.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace encore {

class ZipReader {
 public:
  struct Entry {
    uint64_t header_offset = 0;
    uint64_t packed = 0;  // bytes in the file
    uint64_t size = 0;    // bytes after inflating
    uint16_t method = 0;  // 0 stored, 8 deflated
  };

  // Reads the central directory. `bytes` must outlive the reader. Throws Error naming the file: no directory (the file
  // is cut short), offsets outside the file, encryption, several volumes.
  ZipReader(std::span<const uint8_t> bytes, std::string file);

  const std::map<std::string, Entry>& entries() const { return entries_; }
  // The bytes of an entry: a part of the file if the entry is stored, else inflated into `room`. Throws Error naming
  // the entry.
  std::span<const uint8_t> read(const std::string& name, std::vector<uint8_t>& room) const;

 private:
  void read_directory(uint64_t offset, uint64_t count);
  uint64_t integer(uint64_t offset, int width) const;  // little-endian; throws Error outside the file

  std::span<const uint8_t> bytes_;
  std::string file_;
  std::map<std::string, Entry> entries_;
};

}  // namespace encore
