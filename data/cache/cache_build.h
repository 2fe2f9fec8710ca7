// What a token cache in the making has on the disk, such that a build that was killed can be gone on with.
//
// In a folder beside the cache, KEY.tokens.building: one file for each section of the cache, which grow, and a journal,
// which says how much of them is complete: sizes, checksums and the number of documents. Now and then the files are
// flushed to the disk and then the journal is replaced (temporary name, fsync, rename). A build that finds a journal of
// the same sources, with sections that hold what it says, cuts them to its sizes and goes on after its documents. What
// comes out is the same to the byte, wherever a build was killed.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/cache/growing_file.h"
#include "data/cache/token_cache.h"

namespace encore {

// Neighbouring documents, encoded: what is added to the sections.
struct EncodedDocuments {
  std::string tokens;                  // u16 or u32 each
  std::vector<uint64_t> words, lines;  // a bit a token, from bit 0; zeros after the last
  std::vector<uint64_t> lengths;       // tokens of each document
  std::vector<uint64_t> hashes;        // of each document's text
  uint64_t token_count = 0;
};

// Bits put end to end.
class BitQueue {
 public:
  // Adds the first `count` bits and returns the words that are full.
  std::vector<uint64_t> append(const std::vector<uint64_t>& bits, uint64_t count);
  uint64_t pending() const { return pending_; }  // the bits of the last word, zeros after them
  void restore(uint64_t pending, uint64_t count) {
    pending_ = pending;
    count_ = count;
  }

 private:
  uint64_t pending_ = 0, count_ = 0;
};

class CacheBuild {
 public:
  // cache: the file to be made; header: its key and token_bytes. shared: this process alone builds this cache
  // (data/cache/cache_lock.h), so the folder has a name that a later process finds; otherwise a name of its own, and it
  // goes whatever happens. save_seconds: at least this long between two savings. Throws IoError when the disk fails.
  CacheBuild(const std::string& cache, const CacheHeader& header, const std::vector<CachedFile>& sources, bool shared,
             double save_seconds);
  // What was saved stays, unless discard() or publish() came before; nothing else does.
  ~CacheBuild();
  CacheBuild(const CacheBuild&) = delete;
  CacheBuild& operator=(const CacheBuild&) = delete;

  int64_t documents() const { return int64_t(header_.documents); }  // that are in the sections
  uint64_t tokens() const { return header_.tokens; }

  // Saves when it is time to.
  void add(const EncodedDocuments&);
  // Has what was added until now stay; nothing where the build is not shared.
  void save();
  void discard() { saved_ = false; }
  // Puts the sections together and gives the file its name. sources: with hashes and counts.
  void publish(const std::vector<CachedFile>& sources);

 private:
  enum Section { kTokens, kWords, kLines, kOffsets, kHashes, kSections };

  std::string path_of(int section) const;
  std::string journal() const { return folder_ + "/journal"; }
  bool resume();
  void start();
  void write_body(std::string_view bytes);

  std::string cache_, folder_;
  CacheHeader header_;
  std::string sources_;  // as JSON
  bool shared_, saved_ = false;
  double save_every_;  // seconds
  double saved_at_;    // steady_seconds()
  std::array<std::unique_ptr<GrowingFile>, kSections> files_;
  std::array<uint64_t, kSections> saved_sizes_{};
  BitQueue words_, lines_;
  BlockSums sums_;
};

}  // namespace encore
