// Files that appear whole or not at all: a file is written under a temporary name beside the target, flushed to the
// disk, then renamed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace encore {

// Throws IoError (exit 74) that names the path and the system's reason; an existing file at `path` is then untouched.
void write_file_atomic(const std::string& path, std::string_view bytes);

// Renames `from`, whose contents are on the disk already, to `path` and makes the rename durable. Throws IoError as
// write_file_atomic does.
void publish_file(const std::string& from, const std::string& path);

// A stream to a file that exists under its name only after commit().
//   AtomicFile file(path); file.write(...); file.commit();
// Destruction without commit() removes the temporary file. Every member throws IoError on failure.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);  // the folder must exist
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
  void write(const void* data, size_t size);
  // Overwrites bytes already written, e.g. a header whose values are known last.
  void write_at(uint64_t offset, std::string_view bytes);
  uint64_t size() const { return flushed_ + buffer_.size(); }

  // Flush, fsync, rename onto the path, fsync of the folder.
  void commit();

  const std::string& path() const { return path_; }
  const std::string& temporary_path() const { return temporary_; }

 private:
  void flush();
  void write_out(const char* data, size_t size, uint64_t offset);
  [[noreturn]] void fail_with(int error, const char* action);

  std::string path_, temporary_, buffer_;
  uint64_t flushed_ = 0;
  int fd_ = -1;
};

}  // namespace encore
