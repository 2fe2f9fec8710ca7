// A whole file, read-only, memory-mapped.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace encore {

class MappedFile {
 public:
  // Throws Error naming the path: missing, a folder, unreadable. An empty file has no bytes.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const uint8_t> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

 private:
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace encore
