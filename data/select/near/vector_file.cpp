#include "data/select/near/vector_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "kernels/base/atomic_file.h"
#include "kernels/base/check.h"
#include "kernels/base/hash.h"
#include "kernels/base/human.h"

namespace encore {
namespace {

struct Header {
  char mark[8] = {'E', 'N', 'C', 'V', 'E', 'C', 'T', '1'};
  uint64_t fingerprint = 0;
  int64_t rows = 0, columns = 0, done = 0;
  uint64_t hash = 0;
  uint64_t zeros[2] = {};
};
static_assert(sizeof(Header) == 64);

bool same_work(const Header& a, const Header& b) {
  return std::memcmp(a.mark, b.mark, sizeof a.mark) == 0 && a.fingerprint == b.fingerprint && a.rows == b.rows &&
         a.columns == b.columns;
}

// A file that is being made, locked against other processes.
class PartFile {
 public:
  explicit PartFile(std::string path) : path_(std::move(path)) {
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd_ < 0) fail_io("{}: cannot be written: {}", path_, std::strerror(errno));
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      ::close(fd_);
      fail("{}: another process is making these vectors: wait for it, or name another --cache-dir", path_);
    }
  }
  ~PartFile() { ::close(fd_); }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  bool read(void* out, size_t size, uint64_t at) const {
    for (auto* to = static_cast<char*>(out); size > 0;) {
      const ssize_t n = ::pread(fd_, to, size, off_t(at));
      if (n <= 0) return false;
      to += n, at += uint64_t(n), size -= size_t(n);
    }
    return true;
  }
  void write(const void* data, size_t size, uint64_t at) {
    for (const auto* from = static_cast<const char*>(data); size > 0;) {
      const ssize_t n = ::pwrite(fd_, from, size, off_t(at));
      if (n <= 0) fail_io("{}: cannot be written: {}", path_, std::strerror(n < 0 ? errno : EIO));
      from += n, at += uint64_t(n), size -= size_t(n);
    }
  }
  void cut(uint64_t size) {
    if (::ftruncate(fd_, off_t(size)) != 0) fail_io("{}: cannot be written: {}", path_, std::strerror(errno));
  }
  void flush() {
    if (::fdatasync(fd_) != 0) fail_io("{}: cannot be written: {}", path_, std::strerror(errno));
  }

 private:
  std::string path_;
  int fd_ = -1;
};

// Feeds the rows of a part file that are done to the hasher; false where they cannot be read.
bool hash_done(const PartFile& part, const Header& header, Hasher& hasher) {
  std::vector<char> buffer(size_t(1) << 20);
  uint64_t left = uint64_t(header.done) * uint64_t(header.columns) * sizeof(float);
  for (uint64_t at = sizeof(Header); left > 0;) {
    const size_t n = size_t(std::min<uint64_t>(left, buffer.size()));
    if (!part.read(buffer.data(), n, at)) return false;
    hasher.add(buffer.data(), n);
    at += n, left -= n;
  }
  return true;
}

size_t row_bytes(const Header& header) {
  return size_t(header.columns) * sizeof(float);
}

}  // namespace

VectorFile::VectorFile(const VectorFileOptions& options) : rows_(options.rows), columns_(options.columns) {
  const Header wanted{.fingerprint = options.fingerprint, .rows = options.rows, .columns = options.columns};
  std::error_code error;
  if (std::filesystem::exists(options.path, error)) {
    file_ = std::make_unique<MappedFile>(options.path);
    Header found;
    const std::span<const uint8_t> bytes = file_->bytes();
    const bool whole =
        bytes.size() >= sizeof found && (std::memcpy(&found, bytes.data(), sizeof found), same_work(found, wanted)) &&
        found.done == found.rows && bytes.size() == sizeof found + size_t(found.rows) * row_bytes(found) &&
        Hasher().add(bytes.data() + sizeof found, bytes.size() - sizeof found).digest() == found.hash;
    if (whole) {
      reused_ = true;
      history_ = fmt::format("the vectors of {} are used", options.path);
      return;
    }
    history_ = fmt::format(
        "{}: the texts or the options have changed since these vectors were made, or the file is "
        "damaged: they are made anew",
        options.path);
    file_.reset();
  }
  make(options);
  file_ = std::make_unique<MappedFile>(options.path);
}

void VectorFile::make(const VectorFileOptions& options) {
  const std::string part_path = options.path + ".part";
  Header header{.fingerprint = options.fingerprint, .rows = options.rows, .columns = options.columns};
  {
    PartFile part(part_path);
    Header before;
    Hasher hasher;
    if (part.read(&before, sizeof before, 0) && same_work(before, header) && before.done > 0 &&
        before.done <= before.rows && hash_done(part, before, hasher)) {
      header.done = before.done;
      history_ =
          fmt::format("{}: goes on after {} of {} rows", part_path, with_commas(header.done), with_commas(header.rows));
    } else {
      hasher = Hasher();
    }
    part.cut(sizeof header + uint64_t(header.done) * row_bytes(header));
    part.write(&header, sizeof header, 0);
    for (std::vector<float> block; header.done < header.rows;) {
      options.make(header.done, block);
      const int64_t n = int64_t(block.size()) / header.columns;
      check(n > 0 && header.done + n <= header.rows, "the texts changed while they were read: start again");
      part.write(block.data(), block.size() * sizeof(float), sizeof header + uint64_t(header.done) * row_bytes(header));
      hasher.add(block.data(), block.size() * sizeof(float));
      part.flush();
      header.done += n;
      if (header.done == header.rows) header.hash = hasher.digest();
      part.write(&header, sizeof header, 0);
      if (options.progress) options.progress(header.done);
    }
    part.flush();
  }
  publish_file(part_path, options.path);
}

VectorSearch::Vectors VectorFile::rows() const {
  return {.data = reinterpret_cast<const float*>(file_->bytes().data() + sizeof(Header)),
          .rows = rows_,
          .columns = columns_};
}

namespace {

// The text behind "'key':" in a dictionary of NumPy's, up to its comma at the same depth.
std::string npy_value(const std::string& dict, const std::string& key, const std::string& path) {
  const size_t at = dict.find("'" + key + "'");
  const size_t colon = at == dict.npos ? at : dict.find(':', at);
  check(colon != dict.npos, "{}: no '{}' in the header of the array: write it by numpy.save", path, key);
  const size_t begin = dict.find_first_not_of(' ', colon + 1);
  const size_t end = dict.find_first_of(dict[begin] == '(' ? ")" : ",}", begin);
  check(begin != dict.npos && end != dict.npos, "{}: the header of the array is damaged", path);
  return dict.substr(begin, end - begin);
}

}  // namespace

NpyRows::NpyRows(const std::string& path) : file_(std::make_unique<MappedFile>(path)) {
  const std::string_view text = file_->text();
  check(text.size() >= 12 && text.starts_with("\x93NUMPY"), "{}: is no .npy file: write one by numpy.save", path);
  const bool version_1 = text[6] == 1;
  const size_t start = version_1 ? 10 : 12;
  uint32_t size = 0;
  std::memcpy(&size, text.data() + 8, version_1 ? 2 : 4);
  check(text.size() >= start + size, "{}: ends within its header", path);
  const std::string dict(text.substr(start, size));
  const std::string type = npy_value(dict, "descr", path), order = npy_value(dict, "fortran_order", path),
                    shape = npy_value(dict, "shape", path);
  check(type == "'<f4'", "{}: its numbers are {}, and float32 ('<f4') is read: convert by .astype('float32')", path,
        type);
  check(order.starts_with("False"), "{}: is in Fortran's order: save numpy.ascontiguousarray of it", path);
  long long rows = 0, columns = 0;
  char rest = 0;
  check(std::sscanf(shape.c_str(), "(%lld,%lld%c", &rows, &columns, &rest) == 2 && rows > 0 && columns > 0,
        "{}: its shape is {}), and a row for each text is read: two dimensions, neither 0", path, shape);
  const size_t data = start + size;
  check((text.size() - data) / sizeof(float) / size_t(columns) == size_t(rows) &&
            (text.size() - data) == size_t(rows) * size_t(columns) * sizeof(float),
        "{}: holds {} bytes of numbers, and its shape is {}): it is cut or damaged", path, text.size() - data, shape);
  check(data % alignof(float) == 0, "{}: its numbers begin at byte {}, which is no multiple of 4", path, data);
  rows_ = {.data = reinterpret_cast<const float*>(text.data() + data), .rows = rows, .columns = columns};
}

}  // namespace encore
