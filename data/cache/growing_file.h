// A file that grows at its end and knows the hash of its content, so that a later process can verify the content and
// continue.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/hash.h"

namespace encore {

// Every member throws IoError that names the file.
class GrowingFile {
 public:
  using Pieces = std::function<void(std::string_view)>;

  // Opens the file, or creates an empty one. head: bytes at its start that the hash leaves out.
  GrowingFile(std::string path, uint64_t head);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  // Cuts the file to `size` bytes and continues after them; `seen` gets the bytes after the head, in order. False: the
  // file is shorter, or the bytes have another hash.
  bool resume(uint64_t size, uint64_t hash, const Pieces& seen);

  void append(std::string_view bytes);
  void append(const std::vector<uint64_t>& values) {
    append({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(uint64_t)});
  }
  void write_at(uint64_t offset, std::string_view bytes);
  void flush();  // to the system
  void sync();   // to the disk
  void read_back(const Pieces& seen);

  uint64_t size() const { return flushed_ + buffer_.size(); }
  uint64_t hash() const { return hash_.digest(); }  // of the bytes after the head
  const std::string& path() const { return path_; }

 private:
  [[noreturn]] void fail_with(const char* action) const;
  void write_out(std::string_view bytes, uint64_t offset);
  // Passes on bytes [head, size), or fewer where the file ends early. Returns where it ended.
  uint64_t read(uint64_t size, const Pieces& seen) const;

  std::string path_, buffer_;
  uint64_t head_ = 0, flushed_ = 0;
  Hasher hash_;
  int fd_ = -1;
};

}  // namespace encore
