#include "data/token_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "data/byte_stream.h"
#include "data/corpus_reader.h"
#include "data/hash.h"
#include "data/tokenizer.h"
#include "kernels/base/check.h"

namespace encore {
namespace {

uint64_t options_fingerprint(const DatasetOptions& options, const Tokenizer& tokenizer) {
  Hasher hash;
  hash.add(uint64_t(kCacheVersion)).add(tokenizer.fingerprint()).add(uint64_t(tokenizer.vocab_size()));
  hash.add_text(options.corpus.text_field).add(uint64_t(options.corpus.blank_line_documents));
  return hash.digest();
}

// Lets one process at a time make a cache, so that the ranks of a run do not all do the same work. Only a courtesy:
// where the file system has no locks each makes its own, and the last rename wins with the same content.
class BuildLock {
 public:
  explicit BuildLock(const std::string& path)
      : path_(path), fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    while (fd_ >= 0 && ::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~BuildLock() {
    if (fd_ < 0) return;
    ::unlink(path_.c_str());
    ::close(fd_);
  }
  BuildLock(const BuildLock&) = delete;
  BuildLock& operator=(const BuildLock&) = delete;

 private:
  std::string path_;
  int fd_;
};

uint64_t round8(uint64_t n) {
  return (n + 7) / 8 * 8;
}

// Every number that the readers of the file rely on, so that a damaged header cannot send them outside of it.
bool sound(const CacheHeader& h, uint64_t file_size) {
  if (h.file_size != file_size || (h.token_bytes != 2 && h.token_bytes != 4)) return false;
  if (h.tokens > file_size || h.documents > file_size) return false;
  const uint64_t bits = (h.tokens + 63) / 64 * 8;
  return h.at_tokens == sizeof(CacheHeader) && h.at_words == round8(h.at_tokens + h.tokens * h.token_bytes) &&
         h.at_lines == h.at_words + bits && h.at_offsets == h.at_lines + bits &&
         h.at_hashes == h.at_offsets + 8 * (h.documents + 1) && h.at_files == h.at_hashes + 8 * h.documents &&
         h.at_files <= file_size;
}

}  // namespace

std::vector<CachedFile> stat_files(const std::vector<std::string>& paths) {
  std::vector<CachedFile> files;
  for (const std::string& path : paths) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0)
      fail("{}: cannot open the file: {}; check the path", path, std::strerror(errno));
    CachedFile& file = files.emplace_back();
    file.path = std::filesystem::absolute(path).lexically_normal().string();
    file.size = uint64_t(info.st_size);
    file.inode = uint64_t(info.st_ino);
    file.mtime_ns = int64_t(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
  }
  return files;
}

std::string cached_files_json(const std::vector<CachedFile>& files) {
  nlohmann::json list = nlohmann::json::array();
  for (const CachedFile& f : files)
    list.push_back({{"path", f.path},
                    {"size", f.size},
                    {"inode", f.inode},
                    {"mtime_ns", f.mtime_ns},
                    {"hash", f.hash},
                    {"documents", f.documents},
                    {"text_bytes", f.text_bytes}});
  // A path is bytes, not always UTF-8.
  return list.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<CachedFile> parse_cached_files(std::string_view json) {
  std::vector<CachedFile> files;
  for (const auto& entry : nlohmann::json::parse(json)) {
    CachedFile& f = files.emplace_back();
    entry.at("path").get_to(f.path);
    entry.at("size").get_to(f.size);
    entry.at("inode").get_to(f.inode);
    entry.at("mtime_ns").get_to(f.mtime_ns);
    entry.at("hash").get_to(f.hash);
    entry.at("documents").get_to(f.documents);
    entry.at("text_bytes").get_to(f.text_bytes);
  }
  return files;
}

TokenCache::~TokenCache() {
  if (memory_) ::munmap(memory_, size_);
}

std::string TokenCache::map(const std::string& path) {
  path_ = path;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "is not there";
  struct stat info {};
  const bool known = ::fstat(fd, &info) == 0;
  if (!known || uint64_t(info.st_size) < sizeof(CacheHeader)) {
    ::close(fd);
    return "is too short";
  }
  size_ = size_t(info.st_size);
  memory_ = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd, 0);
  const int error = errno;
  ::close(fd);
  if (memory_ == MAP_FAILED) {
    memory_ = nullptr;
    fail_io("{}: cannot map the token cache: {}", path, std::strerror(error));
  }
  const char* base = static_cast<const char*>(memory_);
  header_ = reinterpret_cast<const CacheHeader*>(base);
  if (std::memcmp(header_->magic, kCacheMagic, sizeof kCacheMagic) != 0 || header_->version != kCacheVersion)
    return "is of another version";
  if (hash_bytes({base, offsetof(CacheHeader, checksum)}) != header_->checksum || !sound(*header_, size_))
    return "is torn";
  (header_->token_bytes == 2 ? reinterpret_cast<const void*&>(narrow_) : reinterpret_cast<const void*&>(wide_)) =
      base + header_->at_tokens;
  const auto section = [&](uint64_t at) { return reinterpret_cast<const uint64_t*>(base + at); };
  words_ = section(header_->at_words);
  lines_ = section(header_->at_lines);
  offsets_ = section(header_->at_offsets);
  hashes_ = section(header_->at_hashes);
  try {
    files_ = parse_cached_files({base + header_->at_files, size_ - header_->at_files});
  } catch (const nlohmann::json::exception&) {
    return "is torn";
  }
  return "";
}

std::string TokenCache::outdated(const std::vector<CachedFile>& now, bool verify) const {
  if (files_.size() != now.size()) return "has other files";
  for (size_t i = 0; i < now.size(); ++i) {
    const CachedFile &then = files_[i], &file = now[i];
    if (then.size != file.size || then.mtime_ns != file.mtime_ns || then.inode != file.inode) return "is stale";
  }
  const char* base = static_cast<const char*>(memory_);
  if ((verify || size_ <= kAlwaysVerifiedBytes) &&
      hash_bytes({base + sizeof(CacheHeader), size_ - sizeof(CacheHeader)}) != header_->body_checksum)
    return "is damaged";
  for (size_t i = 0; verify && i < now.size(); ++i)
    if (hash_file(now[i].path) != files_[i].hash) return "is stale";
  return "";
}

std::shared_ptr<const TokenCache> TokenCache::open(const DatasetOptions& options, const Tokenizer& tokenizer) {
  const std::string folder = cache_folder(options.cache_dir);
  const std::vector<CachedFile> files = stat_files(resolve_files(options.corpus.files, folder));
  const uint64_t fingerprint = options_fingerprint(options, tokenizer);
  Hasher hash;
  hash.add(fingerprint);
  for (const CachedFile& file : files) hash.add_text(file.path);
  const uint64_t key = hash.digest();
  const std::string path = fmt::format("{}/{:016x}.tokens", folder, key);

  const auto usable = [&](bool fresh) -> std::shared_ptr<const TokenCache> {
    std::shared_ptr<TokenCache> cache(new TokenCache);
    std::string fault = cache->map(path);
    if (fault.empty() && cache->header_->key != key) fault = "belongs to other files";
    if (fault.empty()) fault = cache->outdated(files, options.verify_cache && !fresh);
    if (fresh && !fault.empty()) fail_io("{}: the token cache {} right after it was written", path, fault);
    if (!fault.empty()) return nullptr;
    cache->reused_ = !fresh;
    cache->options_fingerprint_ = fingerprint;
    return cache;
  };
  if (auto cache = usable(false)) return cache;
  const BuildLock lock(path + ".lock");
  if (auto cache = usable(false)) return cache;
  write_token_cache(path, key, files, options, tokenizer);
  return usable(true);
}

int64_t TokenCache::document_of(int64_t token) const {
  // Empty documents share their start with the one that follows: the last of them holds the token.
  const uint64_t* end = offsets_ + documents() + 1;
  return std::upper_bound(offsets_, end, uint64_t(token)) - offsets_ - 1;
}

uint64_t TokenCache::content_fingerprint() const {
  Hasher hash;
  hash.add(options_fingerprint_).add(header_->documents).add(header_->tokens);
  for (const CachedFile& file : files_) hash.add(file.hash);
  return hash.digest();
}

}  // namespace encore
