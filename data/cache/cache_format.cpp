#include "data/cache/cache_format.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace encore {
namespace {

uint64_t round8(uint64_t n) {
  return (n + 7) / 8 * 8;
}

uint64_t header_checksum(const CacheHeader& header) {
  return hash_bytes({reinterpret_cast<const char*>(&header), offsetof(CacheHeader, checksum)});
}

}  // namespace

bool sound(const CacheHeader& h, uint64_t file_size) {
  if (header_checksum(h) != h.checksum) return false;
  if (h.file_size != file_size || (h.token_bytes != 2 && h.token_bytes != 4)) return false;
  if (h.tokens > file_size || h.documents > file_size) return false;
  const uint64_t bits = (h.tokens + 63) / 64 * 8;
  return h.at_tokens == sizeof(CacheHeader) && h.at_words == round8(h.at_tokens + h.tokens * h.token_bytes) &&
         h.at_lines == h.at_words + bits && h.at_offsets == h.at_lines + bits &&
         h.at_hashes == h.at_offsets + 8 * (h.documents + 1) && h.at_files == h.at_hashes + 8 * h.documents &&
         h.at_files <= h.at_sums && h.at_sums <= file_size && h.at_sums % 8 == 0 &&
         file_size - h.at_sums == 8 * cache_blocks(h.at_sums - sizeof(CacheHeader));
}

void seal(CacheHeader& header) {
  header.checksum = header_checksum(header);
}

void BlockSums::add(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t n = size_t(std::min<uint64_t>(bytes.size(), kBlockBytes - in_block_));
    block_.add(bytes.substr(0, n));
    bytes.remove_prefix(n);
    if ((in_block_ += n) < kBlockBytes) return;
    sums_.push_back(std::exchange(block_, Hasher()).digest());
    in_block_ = 0;
  }
}

const std::vector<uint64_t>& BlockSums::finish() {
  if (in_block_ > 0) sums_.push_back(std::exchange(block_, Hasher()).digest());
  in_block_ = 0;
  return sums_;
}

}  // namespace encore
