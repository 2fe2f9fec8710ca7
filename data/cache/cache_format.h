// The file of a token cache: its layout, and the checksums that find damage.
//
// Layout, little-endian, every section at a multiple of 8 bytes:
//   header         CacheHeader
//   tokens         u16 (vocabulary <= 65,536) or u32 [tokens], no specials added
//   word starts    a bit a token: it begins a word (a GPT-2 pre-token)
//   line starts    a bit a token: it begins a line of its document
//   offsets        u64 [documents + 1], first token of each document
//   hashes         u64 [documents], XXH64 of each document's text
//   files          JSON: path, size, time, inode, content hash, documents and bytes of each file; padded with blanks
//   sums           u64 [blocks], XXH64 of each kBlockBytes from the header's end to here; the last one is shorter
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/base/hash.h"

namespace encore {

struct CacheHeader {
  char magic[8];
  uint32_t version, token_bytes;
  uint64_t key;  // hash of paths, tokenizer, Unicode version and reader options
  uint64_t documents, tokens;
  uint64_t at_tokens, at_words, at_lines, at_offsets, at_hashes, at_files, at_sums, file_size;
  uint64_t sums_checksum;  // XXH64 of the section `sums`
  uint64_t checksum;       // XXH64 of the header up to here
};

inline constexpr char kCacheMagic[8] = {'E', 'N', 'C', 'T', 'O', 'K', 'E', 'N'};
inline constexpr uint32_t kCacheVersion = 3;
inline constexpr uint64_t kBlockBytes = uint64_t(1) << 16;

inline uint64_t cache_blocks(uint64_t body_bytes) {
  return (body_bytes + kBlockBytes - 1) / kBlockBytes;
}

// True if the header's own checksum holds and every number that readers rely on fits a file of this size. A damaged or
// forged header then cannot send a reader outside of the file.
bool sound(const CacheHeader&, uint64_t file_size);

// Fills in header.checksum.
void seal(CacheHeader&);

// The checksums of a body that is written in order.
class BlockSums {
 public:
  void add(std::string_view bytes);
  const std::vector<uint64_t>& finish();

 private:
  std::vector<uint64_t> sums_;
  Hasher block_;
  uint64_t in_block_ = 0;
};

}  // namespace encore
