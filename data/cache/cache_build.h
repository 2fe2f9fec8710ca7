// The files of an unfinished token cache, kept on the disk so that a killed build can continue.
//
// They lie in a folder beside the cache, KEY.tokens.building: one growing file for each section of the cache, and a
// journal with the sizes, the checksums and the number of documents that are complete. At intervals the files are
// flushed to the disk, and then the journal is replaced (temporary name, fsync, rename). A later build that finds a
// journal of the same sources, and sections with its checksums, cuts them to its sizes and continues after its
// documents. The finished cache is the same to the byte, wherever a build was killed.
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

// Neighbouring documents, encoded, to be added to the sections.
struct EncodedDocuments {
  std::string tokens;                  // u16 or u32 each
  std::vector<uint64_t> words, lines;  // a bit a token, from bit 0; zeros after the last
  std::vector<uint64_t> lengths;       // tokens of each document
  std::vector<uint64_t> hashes;        // of each document's text
  uint64_t token_count = 0;
};

// A growing sequence of bits, given out in words of 64.
class BitQueue {
 public:
  // Adds the first `count` bits. Returns the words that are now full.
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
  // cache: the file to be made; header: its key and token_bytes. shared: this process holds the cache's lock
  // (data/cache/cache_lock.h), so the folder gets a name that a later process finds. Without it the folder gets a name
  // of its own and is always removed. save_seconds: least time between two savings. Throws IoError when the disk fails.
  CacheBuild(const std::string& cache, const CacheHeader& header, const std::vector<SourceFile>& sources, bool shared,
             double save_seconds);
  // Keeps what was saved and removes the rest; after discard() or publish() it removes everything.
  ~CacheBuild();
  CacheBuild(const CacheBuild&) = delete;
  CacheBuild& operator=(const CacheBuild&) = delete;

  int64_t documents() const { return int64_t(header_.documents); }  // in the sections
  uint64_t tokens() const { return header_.tokens; }

  // Adds to the sections, and saves when save_seconds have passed.
  void add(const EncodedDocuments&);
  // Makes what was added so far survive this process. Does nothing where the build is not shared.
  void save();
  void discard() { saved_ = false; }
  // Joins the sections into the cache and gives it its name. sources: with hashes and counts.
  void publish(const std::vector<SourceFile>& sources);

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
