// The tokens of a corpus in one file, so that a second start is instant and no corpus is too large.
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

#include "data/cache/cache_file.h"
#include "data/readers/corpus_reader.h"
#include "data/readers/source_files.h"
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
  // Caches up to this size are also compared with their checksums at every start (a quarter of a second at most), so
  // that a damaged one is made anew then and there.
  uint64_t checked_bytes = uint64_t(256) << 20;
};

class TokenCache {
 public:
  // Opens the cache of these files, or builds it. Throws Error for bad input as CorpusReader does, and for files that
  // change while they are read; IoError when the cache cannot be written.
  static std::shared_ptr<const TokenCache> open(const TokenCacheOptions&, const Tokenizer&);
  TokenCache(const TokenCache&) = delete;
  TokenCache& operator=(const TokenCache&) = delete;

  int64_t documents() const { return int64_t(file_.header().documents); }
  int64_t tokens() const { return int64_t(file_.header().tokens); }

  const std::vector<SourceFile>& files() const { return files_; }
  const std::string& path() const { return path_; }
  bool reused() const { return reused_; }
  // Documents that an earlier build had tokenized before it was stopped.
  int64_t continued_documents() const { return continued_documents_; }
  // Depends on the files' content, the tokenizer and the reader options, but not on where the files lie.
  uint64_t content_fingerprint() const;

 private:
  friend class TokenCacheReader;
  TokenCache() = default;
  // Returns an empty string if the cache is usable, else the reason why it is not.
  std::string load(const std::string& path);
  std::string outdated(const std::vector<SourceFile>& now, bool verify, uint64_t checked_bytes) const;
  bool read_offsets();  // false: they do not rise from 0 to the number of tokens

  std::string path_;
  CacheFile file_;
  std::vector<uint64_t> guide_;  // every kGuideStep-th offset, to find documents by
  std::vector<SourceFile> files_;
  uint64_t options_fingerprint_ = 0;
  int64_t continued_documents_ = 0;
  bool reused_ = false;
};

// The content of a cache. Every block is compared with its checksum when it is read, so every member throws IoError
// that names the file where it was damaged or cut meanwhile; the file is removed then, and the next start builds it
// again. Neighbouring values are cheap; a reader holds a block of each section that it reads. For one thread at a time.
class TokenCacheReader {
 public:
  explicit TokenCacheReader(const TokenCache&);

  int64_t document_start(int64_t document);  // documents() + 1 of them
  uint64_t document_hash(int64_t document);
  // The document that holds a token.
  int64_t document_of(int64_t token);
  int32_t token(int64_t i);
  bool starts_word(int64_t i) { return bit(words_, header_.at_words, i); }
  bool starts_line(int64_t i) { return bit(lines_, header_.at_lines, i); }
  // Appends tokens [begin, end), and for each 1 if it starts a word, else 0.
  void append(int64_t begin, int64_t end, std::vector<int32_t>& ids, std::vector<uint8_t>& word_starts);

 private:
  static bool bit(CacheWindow& window, uint64_t section, int64_t i) {
    return window.at<uint64_t>(section + uint64_t(i) / 64 * 8) >> (i % 64) & 1;
  }

  const TokenCache& cache_;
  const CacheHeader& header_;
  CacheWindow tokens_, words_, lines_, offsets_, hashes_;
};

// Tokenizes the files into a new cache file at `path`. key: for the header. shared: this process holds the cache's
// lock, so it continues an earlier unfinished build, and leaves its own for a later process to continue. Returns the
// number of documents that were tokenized already.
// All threads read, encode and write; memory is bounded for a corpus of any size.
int64_t write_token_cache(const std::string& path, uint64_t key, const std::vector<SourceFile>& files, bool shared,
                          const TokenCacheOptions&, const Tokenizer&);

}  // namespace encore
