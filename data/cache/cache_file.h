// Reads a token cache block by block; every block is compared with its checksum each time it is read.
//
// The file is not mapped: a mapping shows what happens to the file later (a flipped bit, in silence), and ends the
// process with SIGBUS when the file is cut. A block of 64 KiB takes about 15 microseconds.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "data/cache/cache_format.h"

namespace encore {

class CacheFile {
 public:
  // Opens the file and reads header and checksums. Returns "", or the reason why it is not usable ("is torn"). Throws
  // IoError when the disk fails.
  std::string open(const std::string& path);
  CacheFile() = default;
  ~CacheFile();
  CacheFile(const CacheFile&) = delete;
  CacheFile& operator=(const CacheFile&) = delete;

  const CacheHeader& header() const { return header_; }
  uint64_t size() const { return header_.file_size; }
  uint64_t body() const { return header_.at_sums - sizeof(CacheHeader); }  // bytes under checksums

  // Reads block `number` of the body into `out`. False: it is not as it was written. Any thread may call it.
  bool read_block(uint64_t number, std::vector<char>& out) const;
  // Whether every block that bytes [begin, end) of the file touch is as it was written.
  bool good(uint64_t begin, uint64_t end) const;
  // Throws IoError about the block, and removes the file, so that the next start makes it anew.
  [[noreturn]] void fail_damaged(uint64_t block) const;

 private:
  std::string path_;
  int fd_ = -1;
  uint64_t device_ = 0, inode_ = 0;
  CacheHeader header_{};
  std::vector<uint64_t> sums_;
};

// Values of a cache file through a copy of one block. Values lie at multiples of their size, so none crosses the edge
// of a block. For one thread at a time. Damage throws as CacheFile::fail_damaged does.
class CacheWindow {
 public:
  explicit CacheWindow(const CacheFile& file) : file_(file) {}

  // The value of type T at byte `offset` of the file.
  template <class T>
  T at(uint64_t offset) {
    if (offset - first_ >= block_.size()) load(offset);
    T value;
    std::memcpy(&value, block_.data() + (offset - first_), sizeof value);
    return value;
  }
  // The bytes from `offset` on to the end of the block, but at most `most`.
  std::string_view bytes(uint64_t offset, uint64_t most) {
    if (offset - first_ >= block_.size()) load(offset);
    return std::string_view(block_.data(), block_.size()).substr(offset - first_, most);
  }

 private:
  void load(uint64_t offset);

  const CacheFile& file_;
  std::vector<char> block_;
  uint64_t first_ = 0;  // offset of the block in the file
};

}  // namespace encore
