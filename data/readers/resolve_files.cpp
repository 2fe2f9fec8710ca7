// resolve_files: globs, and input that is no file.
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>

#include "data/readers/corpus_reader.h"
#include "kernels/base/atomic_file.h"
#include "kernels/base/cache_folder.h"
#include "kernels/base/check.h"
#include "kernels/base/hash.h"

namespace encore {
namespace {

bool is_glob(const std::string& name) {
  return name.find_first_of("*?[") != std::string::npos;
}

std::vector<std::string> matches(const std::string& pattern) {
  glob_t found{};
  const int rc = ::glob(pattern.c_str(), GLOB_NOSORT | GLOB_ERR, nullptr, &found);
  std::vector<std::string> paths;
  if (rc == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  check(rc == 0 && !paths.empty(), "{}: no file matches; check the pattern", pattern);
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Whether a line of csv or tsv names the column.
bool names_column(std::string_view line, char separator, std::string_view column) {
  while (!column.empty()) {
    const size_t end = std::min(line.find(separator), line.size());
    std::string_view name = line.substr(0, end);
    if (name.size() >= 2 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
    if (name == column) return true;
    if (end == line.size()) return false;
    line.remove_prefix(end + 1);
  }
  return false;
}

// The ending for a stream, from its first bytes.
std::string sniffed_ending(std::string_view head, const std::string& column) {
  if (head.starts_with("\x1f\x8b")) return ".gz";
  if (head.starts_with("\x28\xb5\x2f\xfd")) return ".zst";
  if (head.starts_with("\xef\xbb\xbf")) head.remove_prefix(3);
  const size_t first = head.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && head[first] == '{') return ".jsonl";
  const std::string_view line = head.substr(0, head.find_first_of("\r\n"));
  if (names_column(line, ',', column) || names_column(line, ';', column)) return ".csv";
  return names_column(line, '\t', column) ? ".tsv" : ".txt";
}

std::string inner_ending(const std::string& packed, const std::string& column) {
  const auto stream = open_byte_stream(packed);
  std::string head(4096, '\0');
  size_t size = 0;
  while (size < head.size()) {
    const size_t n = stream->read(head.data() + size, head.size() - size);
    if (n == 0) break;
    size += n;
  }
  head.resize(size);
  return sniffed_ending(head, column);
}

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& path) : path_(path) {}
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string spool(const std::string& name, const std::string& cache_dir, const std::string& column) {
  const std::string dir = cache_folder(cache_dir);
  const int fd = name == "-" ? ::dup(STDIN_FILENO) : ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("{}: cannot open the input: {}", name, std::strerror(errno));
  std::string head, buffer(size_t(1) << 18, '\0');
  Hasher hash;
  const std::string stem = fmt::format("{}/stdin-copy-{}", dir, ::getpid());
  AtomicFile copy(stem);
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    const int error = errno;
    if (n <= 0) ::close(fd);
    if (n < 0) fail_io("{}: cannot read the input: {}", name, std::strerror(error));
    if (n == 0) break;
    hash.add(buffer.data(), size_t(n));
    if (head.size() < 4096) head.append(buffer.data(), size_t(n));
    copy.write(buffer.data(), size_t(n));
  }
  check(copy.size() > 0, "{}: the input is empty", name == "-" ? "standard input" : name);
  std::string ending = sniffed_ending(head, column);
  copy.commit();
  if (ending == ".gz" || ending == ".zst") {
    // The readers go by names, so the content is read under a name with the ending of the packing.
    const TemporaryFile packed(stem + ending);
    std::filesystem::rename(stem, packed.path());
    ending = inner_ending(packed.path(), column) + ending;
    std::filesystem::rename(packed.path(), stem);
  }
  const std::string path = fmt::format("{}/stdin-{:016x}{}", dir, hash.digest(), ending);
  // An existing copy keeps its time and inode, so its token cache stays valid.
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored))
    ::unlink(stem.c_str());
  else
    std::filesystem::rename(stem, path);
  return path;
}

}  // namespace

bool is_stream(const std::string& name) {
  // These may be a file that was redirected: it has no ending.
  if (name == "-" || name == "/dev/stdin" || name.starts_with("/dev/fd/") || name.starts_with("/proc/self/fd/"))
    return true;
  struct stat info {};
  return ::stat(name.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

std::vector<std::string> resolve_files(const std::vector<std::string>& patterns, const std::string& cache_dir,
                                       const std::string& column) {
  check(!patterns.empty(), "no data files were given");
  std::vector<std::string> paths;
  std::set<std::pair<dev_t, ino_t>> seen;
  const auto add = [&](const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0)
      fail("{}: cannot open the file: {}; check the path", path, std::strerror(errno));
    check(!S_ISDIR(info.st_mode), "{}: is a folder; name files, or a glob such as '{}/*.jsonl'", path, path);
    check(seen.insert({info.st_dev, info.st_ino}).second, "{}: the file is given twice", path);
    const bool stream = is_stream(path);
    if (!stream) file_kind(path);
    paths.push_back(stream ? spool(path, cache_dir, column) : path);
  };
  for (const std::string& pattern : patterns) {
    check(!pattern.empty(), "an empty file name was given");
    struct stat info {};
    if (pattern == "-")
      paths.push_back(spool(pattern, cache_dir, column));
    else if (::stat(pattern.c_str(), &info) == 0 || !is_glob(pattern))
      add(pattern);
    else
      for (const std::string& path : matches(pattern)) add(path);
  }
  return paths;
}

}  // namespace encore
