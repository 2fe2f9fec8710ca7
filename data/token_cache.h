// The tokens of a corpus in one memory-mapped file, so that a second start is instant and no corpus is too large.
//
// Name: the hash of paths, tokenizer and reader options, ".tokens". The file is used as it lies while each source file
// has the path, size, time and inode that it was made from; otherwise (or where it is torn) it is made anew and
// replaces the old one by rename, which leaves processes that have the old one open undisturbed.
//
// Layout, little-endian, every section at a multiple of 8 bytes:
//   header         CacheHeader
//   tokens         u16 (vocabulary <= 65,536) or u32 [tokens], no specials added
//   word starts    a bit a token: it begins a word (a GPT-2 pre-token)
//   line starts    a bit a token: it begins a line of its document
//   offsets        u64 [documents + 1], first token of each document
//   hashes         u64 [documents], XXH64 of each document's text
//   files          JSON: path, size, time, inode, content hash, documents and bytes of each file
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace encore {

struct CacheHeader {
  char magic[8];
  uint32_t version, token_bytes;
  uint64_t key;  // hash of paths, tokenizer and reader options
  uint64_t documents, tokens;
  uint64_t at_tokens, at_words, at_lines, at_offsets, at_hashes, at_files, file_size;
  uint64_t body_checksum;  // XXH64 of everything after the header
  uint64_t checksum;       // XXH64 of the header up to here
};

struct CachedFile {
  std::string path;
  uint64_t size = 0, inode = 0, hash = 0;
  int64_t mtime_ns = 0, documents = 0, text_bytes = 0;
};

class TokenCache {
 public:
  // Opens the cache of these files or makes it. Throws Error for bad input as CorpusReader does, and for files that
  // change while they are read; IoError when the cache cannot be written.
  static std::shared_ptr<const TokenCache> open(const DatasetOptions&, const Tokenizer&);
  ~TokenCache();
  TokenCache(const TokenCache&) = delete;
  TokenCache& operator=(const TokenCache&) = delete;

  int64_t documents() const { return int64_t(header_->documents); }
  int64_t tokens() const { return int64_t(header_->tokens); }
  int64_t document_start(int64_t document) const { return int64_t(offsets_[document]); }  // documents() + 1 of them
  uint64_t document_hash(int64_t document) const { return hashes_[document]; }
  // The document that holds a token.
  int64_t document_of(int64_t token) const;

  int32_t token(int64_t i) const { return wide_ ? int32_t(wide_[i]) : int32_t(narrow_[i]); }
  bool starts_word(int64_t i) const { return words_[i / 64] >> (i % 64) & 1; }
  bool starts_line(int64_t i) const { return lines_[i / 64] >> (i % 64) & 1; }

  const std::vector<CachedFile>& files() const { return files_; }
  const std::string& path() const { return path_; }
  bool reused() const { return reused_; }
  // Of the files' content, the tokenizer and the reader options; not of where the files lie.
  uint64_t content_fingerprint() const;

 private:
  TokenCache() = default;
  // Empty string: usable. Otherwise why it is not.
  std::string map(const std::string& path);
  std::string outdated(const std::vector<CachedFile>& now, bool verify) const;

  friend class TokenCacheWriter;
  std::string path_;
  void* memory_ = nullptr;
  size_t size_ = 0;
  const CacheHeader* header_ = nullptr;
  const uint16_t* narrow_ = nullptr;
  const uint32_t* wide_ = nullptr;
  const uint64_t *words_ = nullptr, *lines_ = nullptr, *offsets_ = nullptr, *hashes_ = nullptr;
  std::vector<CachedFile> files_;
  uint64_t options_fingerprint_ = 0;
  bool reused_ = false;
};

// Tokenizes the files into a new cache file at `path` and returns what became of each file. key: for the header.
// Documents are encoded by several threads and written in order; memory stays bounded.
void write_token_cache(const std::string& path, uint64_t key, const std::vector<CachedFile>& files,
                       const DatasetOptions&, const Tokenizer&);

// Path, size, time and inode of each file as they are now; hash and counts are 0.
std::vector<CachedFile> stat_files(const std::vector<std::string>& paths);

std::string cached_files_json(const std::vector<CachedFile>&);
std::vector<CachedFile> parse_cached_files(std::string_view json);

inline constexpr char kCacheMagic[8] = {'E', 'N', 'C', 'T', 'O', 'K', 'E', 'N'};
inline constexpr uint32_t kCacheVersion = 1;
// Bodies up to this size are checked against their checksum at every start (a quarter of a second at worst).
inline constexpr uint64_t kAlwaysVerifiedBytes = uint64_t(256) << 20;

}  // namespace encore
