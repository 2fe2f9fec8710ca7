#include "data/readers/byte_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "data/readers/file_kinds.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

constexpr size_t kChunk = size_t(1) << 18;

class RawFile final : public ByteStream {
 public:
  explicit RawFile(const std::string& path) : path_(path) {
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) fail("{}: cannot open the file: {}; check the path", path, std::strerror(errno));
    struct stat info {};
    const bool known = ::fstat(fd_, &info) == 0;
    const char* wrong = nullptr;
    if (known && S_ISDIR(info.st_mode)) wrong = "is a folder; name files, or a glob such as 'folder/*.jsonl'";
    if (known && S_ISREG(info.st_mode) && info.st_size == 0) wrong = "the file is empty; remove it from the list";
    if (wrong) {
      ::close(fd_);
      fail("{}: {}", path, wrong);
    }
  }
  ~RawFile() override { ::close(fd_); }

  size_t read(char* out, size_t size) override {
    ssize_t n;
    do n = ::read(fd_, out, size);
    while (n < 0 && errno == EINTR);
    if (n < 0) fail_io("{}: cannot read the file: {}", path_, std::strerror(errno));
    hash_.add(out, size_t(n));
    bytes_ += uint64_t(n);
    return size_t(n);
  }
  uint64_t file_hash() const override { return hash_.digest(); }
  uint64_t file_bytes() const override { return bytes_; }

 private:
  std::string path_;
  int fd_ = -1;
  Hasher hash_;
  uint64_t bytes_ = 0;
};

class PackedFile : public ByteStream {
 public:
  explicit PackedFile(const std::string& path) : path_(path), raw_(path), input_(kChunk) {}
  uint64_t file_hash() const override { return raw_.file_hash(); }
  uint64_t file_bytes() const override { return raw_.file_bytes(); }

 protected:
  // False at the end of the file.
  bool refill() {
    begin_ = 0;
    end_ = raw_.read(input_.data(), input_.size());
    return end_ > 0;
  }
  // Skips padding in the buffer, which starts no member: true if the buffer is empty then.
  bool skip_zeros() {
    while (begin_ < end_ && input_[begin_] == '\0') ++begin_;
    return begin_ == end_;
  }
  [[noreturn]] void truncated() const {
    fail("{}: the archive ends too early (truncated); fetch or pack it again", path_);
  }
  [[noreturn]] void damaged(const char* why) const {
    fail("{}: the archive is damaged ({}); fetch or pack it again", path_, why);
  }

  std::string path_;
  RawFile raw_;
  std::vector<char> input_;
  size_t begin_ = 0, end_ = 0;
};

class GzipFile final : public PackedFile {
 public:
  explicit GzipFile(const std::string& path) : PackedFile(path) {
    if (inflateInit2(&z_, 15 + 16) != Z_OK) fail_io("{}: zlib cannot start (out of memory)", path);
  }
  ~GzipFile() override { inflateEnd(&z_); }

  size_t read(char* out, size_t size) override {
    z_.next_out = reinterpret_cast<Bytef*>(out);
    z_.avail_out = uInt(std::min(size, kChunk));
    const uInt wanted = z_.avail_out;
    while (z_.avail_out == wanted) {
      if (begin_ == end_ && !refill()) {
        if (inside_) truncated();
        break;
      }
      // gzip files may be several members end to end (RFC 1952, 2.2), and zeros may fill the last block of a tape.
      if (!inside_ && members_ > 0 && skip_zeros()) continue;
      if (!inside_) inflateReset(&z_), ++members_;
      inside_ = true;
      z_.next_in = reinterpret_cast<Bytef*>(input_.data() + begin_);
      z_.avail_in = uInt(end_ - begin_);
      const int rc = inflate(&z_, Z_NO_FLUSH);
      begin_ = end_ - z_.avail_in;
      if (rc == Z_STREAM_END)
        inside_ = false;
      else if (rc != Z_OK && rc != Z_BUF_ERROR)
        damaged(z_.msg ? z_.msg : "not gzip");
    }
    return wanted - z_.avail_out;
  }

 private:
  z_stream z_{};
  bool inside_ = false;
  uint64_t members_ = 0;
};

class ZstdFile final : public PackedFile {
 public:
  explicit ZstdFile(const std::string& path) : PackedFile(path), d_(ZSTD_createDCtx()) {
    if (!d_) fail_io("{}: zstd cannot start (out of memory)", path);
    // Archives packed with --long=31 need windows above the default limit.
    ZSTD_DCtx_setParameter(d_, ZSTD_d_windowLogMax, 31);
  }
  ~ZstdFile() override { ZSTD_freeDCtx(d_); }

  size_t read(char* out, size_t size) override {
    ZSTD_outBuffer to{out, size, 0};
    while (to.pos == 0) {
      // zstd does not consume the last byte of a frame before it has given out all of the text.
      if (begin_ == end_ && !refill()) {
        if (inside_) truncated();
        break;
      }
      if (!inside_ && frames_ > 0 && skip_zeros()) continue;
      if (!inside_) ++frames_;
      ZSTD_inBuffer from{input_.data(), end_, begin_};
      const size_t rc = ZSTD_decompressStream(d_, &to, &from);
      if (ZSTD_isError(rc)) damaged(ZSTD_getErrorName(rc));
      begin_ = from.pos;
      inside_ = rc != 0;
    }
    return to.pos;
  }

 private:
  ZSTD_DCtx* d_;
  bool inside_ = false;
  uint64_t frames_ = 0;
};

}  // namespace

std::unique_ptr<ByteStream> open_byte_stream(const std::string& path) {
  if (has_ending(path, ".gz")) return std::make_unique<GzipFile>(path);
  if (has_ending(path, ".zst")) return std::make_unique<ZstdFile>(path);
  return std::make_unique<RawFile>(path);
}

uint64_t hash_file(const std::string& path) {
  RawFile file(path);
  std::vector<char> buffer(kChunk);
  while (file.read(buffer.data(), buffer.size()) > 0) {
  }
  return file.file_hash();
}

}  // namespace encore
