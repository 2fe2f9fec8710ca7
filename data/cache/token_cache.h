// The tokens of a corpus in one memory-mapped file, so that a second start is instant and no corpus is too large.
//
// Its name is the hash of paths, tokenizer and reader options, with ".tokens". The file is used while each source file
// has the path, size, time and inode that it had when the cache was made. Otherwise, or when it is damaged, the cache
// is made again and replaces the old one by rename; a process that has the old one open keeps it. One process at a time
// builds a cache (data/cache/cache_lock.h); a build that was killed is continued (data/cache/cache_build.h).
// data/cache/cache_format.h describes the layout of the file and its checksums.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/cache/cache_format.h"
#include "data/readers/corpus_reader.h"
#include "data/tokenizer/tokenizer.h"

namespace encore {

struct TokenCacheOptions {
  CorpusOptions corpus;
  std::string dir;      // where token caches lie; empty: $ENCORE_CACHE, else ~/.cache/encore
  bool verify = false;  // hash the source files again instead of trusting path, size, time and inode
  int threads = 0;      // that read, encode and write; 0: one for each core
  // Gets a line for the user when something takes long for a reason that is not visible: another process builds the
  // same cache.
  std::function<void(const std::string&)> say;
  // Called while a cache is built. True: the finished part is saved, and Error with exit code 75 is thrown.
  std::function<bool()> stop;
  double save_seconds = 1;  // least time between two savings of a build
  // Caches up to this size are compared with their checksums at every start (a quarter of a second at most), larger
  // ones a block at a time when the block is first used.
  uint64_t checked_bytes = uint64_t(256) << 20;
};

struct CachedFile {
  std::string path;
  uint64_t size = 0, inode = 0, hash = 0;
  int64_t mtime_ns = 0, documents = 0, text_bytes = 0;

  // True if size, time and inode are the same.
  bool untouched(const CachedFile& other) const {
    return size == other.size && mtime_ns == other.mtime_ns && inode == other.inode;
  }
};

class TokenCache {
 public:
  // Opens the cache of these files, or builds it. Throws Error for bad input as CorpusReader does, and for files that
  // change while they are read; IoError when the cache cannot be written.
  static std::shared_ptr<const TokenCache> open(const TokenCacheOptions&, const Tokenizer&);
  ~TokenCache();
  TokenCache(const TokenCache&) = delete;
  TokenCache& operator=(const TokenCache&) = delete;

  int64_t documents() const { return int64_t(header_->documents); }
  int64_t tokens() const { return int64_t(header_->tokens); }
  int64_t document_start(int64_t document) const { return int64_t(offsets_[document]); }  // documents() + 1 of them
  uint64_t document_hash(int64_t document) const { return hashes_[document]; }
  // The document that holds a token.
  int64_t document_of(int64_t token) const;

  // open() compares no checksums of tokens, words and lines if the cache is above TokenCacheOptions::checked_bytes.
  // Callers of token(), starts_word() and starts_line() must call these first, which compare each block once. Damage
  // throws IoError that names the file, and the file is removed, so that the next start builds it again.
  void check_tokens(int64_t begin, int64_t end) const;  // for token() and starts_word()
  void check_lines() const;                             // for starts_line(), the whole section

  int32_t token(int64_t i) const { return wide_ ? int32_t(wide_[i]) : int32_t(narrow_[i]); }
  bool starts_word(int64_t i) const { return words_[i / 64] >> (i % 64) & 1; }
  bool starts_line(int64_t i) const { return lines_[i / 64] >> (i % 64) & 1; }

  const std::vector<CachedFile>& files() const { return files_; }
  const std::string& path() const { return path_; }
  bool reused() const { return reused_; }
  // Documents that an earlier build had tokenized before it was stopped.
  int64_t continued_documents() const { return continued_documents_; }
  // Depends on the files' content, the tokenizer and the reader options, but not on where the files lie.
  uint64_t content_fingerprint() const;

 private:
  TokenCache() = default;
  // Returns an empty string if the cache is usable, else the reason why it is not.
  std::string map(const std::string& path);
  std::string outdated(const std::vector<CachedFile>& now, bool verify, uint64_t checked_bytes) const;
  void check_bytes(uint64_t begin, uint64_t end) const;

  std::string path_;
  void* memory_ = nullptr;
  size_t size_ = 0;
  uint64_t device_ = 0, inode_ = 0;
  const CacheHeader* header_ = nullptr;
  const uint16_t* narrow_ = nullptr;
  const uint32_t* wide_ = nullptr;
  const uint64_t *words_ = nullptr, *lines_ = nullptr, *offsets_ = nullptr, *hashes_ = nullptr;
  BlockCheck blocks_;
  std::vector<CachedFile> files_;
  uint64_t options_fingerprint_ = 0;
  int64_t continued_documents_ = 0;
  bool reused_ = false;
};

// Tokenizes the files into a new cache file at `path`. key: for the header. shared: this process holds the cache's
// lock, so it continues an earlier unfinished build, and leaves its own for a later process to continue. Returns the
// number of documents that were tokenized already.
// All threads read, encode and write; memory is bounded for a corpus of any size.
int64_t write_token_cache(const std::string& path, uint64_t key, const std::vector<CachedFile>& files, bool shared,
                          const TokenCacheOptions&, const Tokenizer&);

// Path, size, time and inode of each file as they are now; hash and counts are 0.
std::vector<CachedFile> stat_files(const std::vector<std::string>& paths);

std::string cached_files_json(const std::vector<CachedFile>&);
std::vector<CachedFile> parse_cached_files(std::string_view json);

}  // namespace encore
