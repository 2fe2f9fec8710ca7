#include "data/cache/token_cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "data/cache/cache_lock.h"
#include "data/readers/byte_stream.h"
#include "kernels/base/cache_folder.h"
#include "kernels/base/check.h"
#include "kernels/base/hash.h"

namespace encore {
namespace {

// Must be raised when the same text and tokenizer give other tokens, words or lines. The layout of the file is not part
// of it: a resumed run compares the content that it trains on.
constexpr uint64_t kReadingVersion = 1;

uint64_t options_fingerprint(const TokenCacheOptions& options, const Tokenizer& tokenizer) {
  Hasher hash;
  hash.add(kReadingVersion).add(tokenizer.fingerprint()).add(uint64_t(tokenizer.vocab_size()));
  hash.add_text(options.corpus.text_field).add(uint64_t(options.corpus.blank_line_documents));
  return hash.digest();
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
  device_ = uint64_t(info.st_dev);
  inode_ = uint64_t(info.st_ino);
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
  if (!sound(*header_, size_)) return "is torn";
  (header_->token_bytes == 2 ? reinterpret_cast<const void*&>(narrow_) : reinterpret_cast<const void*&>(wide_)) =
      base + header_->at_tokens;
  const auto section = [&](uint64_t at) { return reinterpret_cast<const uint64_t*>(base + at); };
  words_ = section(header_->at_words);
  lines_ = section(header_->at_lines);
  offsets_ = section(header_->at_offsets);
  hashes_ = section(header_->at_hashes);
  const uint64_t sums_bytes = size_ - header_->at_sums;
  if (hash_bytes({base + header_->at_sums, sums_bytes}) != header_->sums_checksum) return "is damaged";
  blocks_ = BlockCheck({base + sizeof(CacheHeader), header_->at_sums - sizeof(CacheHeader)}, section(header_->at_sums));
  // Offsets, hashes and files are needed at once, and are small beside the tokens.
  if (!blocks_.good(header_->at_offsets - sizeof(CacheHeader), header_->at_sums - sizeof(CacheHeader)))
    return "is damaged";
  if (offsets_[0] != 0 || offsets_[header_->documents] != header_->tokens ||
      !std::is_sorted(offsets_, offsets_ + header_->documents + 1))
    return "is torn";
  try {
    files_ = parse_cached_files({base + header_->at_files, header_->at_sums - header_->at_files});
  } catch (const nlohmann::json::exception&) {
    return "is torn";
  }
  return "";
}

std::string TokenCache::outdated(const std::vector<CachedFile>& now, bool verify, uint64_t checked_bytes) const {
  if (files_.size() != now.size()) return "has other files";
  for (size_t i = 0; i < now.size(); ++i)
    if (!files_[i].untouched(now[i])) return "is stale";
  if ((verify || size_ <= checked_bytes) && !blocks_.good(0, header_->at_sums - sizeof(CacheHeader)))
    return "is damaged";
  for (size_t i = 0; verify && i < now.size(); ++i)
    if (hash_file(now[i].path) != files_[i].hash) return "is stale";
  return "";
}

void TokenCache::check_bytes(uint64_t begin, uint64_t end) const {
  if (blocks_.good(begin - sizeof(CacheHeader), end - sizeof(CacheHeader))) return;
  // The file is removed, unless another process has replaced it meanwhile.
  struct stat info {};
  const bool same = ::stat(path_.c_str(), &info) == 0 && info.st_ino == inode_ && info.st_dev == device_;
  const bool removed = same && ::unlink(path_.c_str()) == 0;
  fail_io(
      "{}: the token cache is damaged (checksum of bytes {} to {}); {}start again (a run with --resume), and it is "
      "made anew",
      path_, begin, end, removed || !same ? "" : "remove it and ");
}

void TokenCache::check_tokens(int64_t begin, int64_t end) const {
  if (begin >= end) return;
  const uint64_t first = uint64_t(begin), last = uint64_t(end);
  check_bytes(header_->at_tokens + first * header_->token_bytes, header_->at_tokens + last * header_->token_bytes);
  check_bytes(header_->at_words + first / 64 * 8, header_->at_words + (last + 63) / 64 * 8);
}

void TokenCache::check_lines() const {
  check_bytes(header_->at_lines, header_->at_offsets);
}

std::shared_ptr<const TokenCache> TokenCache::open(const TokenCacheOptions& options, const Tokenizer& tokenizer) {
  const std::string folder = cache_folder(options.dir);
  const std::vector<CachedFile> files = stat_files(resolve_files(options.corpus.files, folder));
  const uint64_t fingerprint = options_fingerprint(options, tokenizer);
  Hasher hash;
  hash.add(fingerprint);
  for (const CachedFile& file : files) hash.add_text(file.path);
  const uint64_t key = hash.digest();
  const std::string path = fmt::format("{}/{:016x}.tokens", folder, key);

  int64_t continued = 0;
  const auto usable = [&](bool fresh) -> std::shared_ptr<const TokenCache> {
    std::shared_ptr<TokenCache> cache(new TokenCache);
    std::string fault = cache->map(path);
    if (fault.empty() && cache->header_->key != key) fault = "belongs to other files";
    if (fault.empty()) fault = cache->outdated(files, options.verify && !fresh, options.checked_bytes);
    if (fresh && !fault.empty()) fail_io("{}: the token cache {} right after it was written", path, fault);
    if (!fault.empty()) return nullptr;
    cache->reused_ = !fresh;
    cache->options_fingerprint_ = fingerprint;
    cache->continued_documents_ = continued;
    return cache;
  };
  if (auto cache = usable(false)) return cache;
  const BuildLock lock(path, options.say);
  if (auto cache = usable(false)) return cache;
  if (lock.held()) remove_dead_builds(folder);
  continued = write_token_cache(path, key, files, lock.held(), options, tokenizer);
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
