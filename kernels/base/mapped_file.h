// A whole file, read-only, memory-mapped.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kernels/base/check.h"
#include "kernels/base/input_file.h"
#include "kernels/base/mapped_range.h"

namespace encore {

class MappedFile {
 public:
  // Throws Error as InputFile does. An empty file has no bytes.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const uint8_t> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  // Throws IoError if the file has become shorter or could not be read: then bytes that were taken from it may be
  // zeros.
  void check_whole() const;
  // Calls read(), which takes bytes from the file, and then check_whole(): of a file that was cut meanwhile this is the
  // error, and not what read() makes of the zeros.
  template <class Read>
  void reading(const Read& read) const {
    try {
      read();
    } catch (const Error&) {
      check_whole();
      throw;
    }
    check_whole();
  }

 private:
  InputFile file_;
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
  std::optional<MappedRange> range_;
};

}  // namespace encore
