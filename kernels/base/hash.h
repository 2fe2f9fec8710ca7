// XXH64 (the published specification of xxHash 64, "doc/xxhash_spec.md"): fast, not cryptographic, the same everywhere.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace encore {

// Hashes bytes given in pieces; the result depends on their concatenation alone.
class Hasher {
 public:
  explicit Hasher(uint64_t seed = 0) : seed_(seed), lane_{seed + kP1 + kP2, seed + kP2, seed, seed - kP1} {}

  Hasher& add(const void* data, size_t size);
  Hasher& add(std::string_view bytes) { return add(bytes.data(), bytes.size()); }
  Hasher& add(uint64_t value) { return add(&value, sizeof value); }
  // A text with its length, so that neighbouring texts cannot trade bytes.
  Hasher& add_text(std::string_view text) { return add(uint64_t(text.size())).add(text); }
  uint64_t digest() const;

 private:
  static constexpr uint64_t kP1 = 0x9E3779B185EBCA87u, kP2 = 0xC2B2AE3D27D4EB4Fu, kP3 = 0x165667B19E3779F9u,
                            kP4 = 0x85EBCA77C2B2AE63u, kP5 = 0x27D4EB2F165667C5u;
  static uint64_t round(uint64_t acc, uint64_t input) { return std::rotl(acc + input * kP2, 31) * kP1; }
  void stripe(const unsigned char* p);

  uint64_t seed_, total_ = 0;
  uint64_t lane_[4];
  unsigned char tail_[32];
  size_t tail_size_ = 0;
};

inline uint64_t hash_bytes(std::string_view bytes, uint64_t seed = 0) {
  return Hasher(seed).add(bytes).digest();
}

inline void Hasher::stripe(const unsigned char* p) {
  for (int i = 0; i < 4; ++i) {
    uint64_t word;
    std::memcpy(&word, p + 8 * i, 8);
    lane_[i] = round(lane_[i], word);
  }
}

inline Hasher& Hasher::add(const void* data, size_t size) {
  const unsigned char* p = static_cast<const unsigned char*>(data);
  total_ += size;
  if (tail_size_ > 0) {
    const size_t n = size < 32 - tail_size_ ? size : 32 - tail_size_;
    if (n > 0) std::memcpy(tail_ + tail_size_, p, n);
    tail_size_ += n;
    p += n;
    size -= n;
    if (tail_size_ < 32) return *this;
    stripe(tail_);
    tail_size_ = 0;
  }
  for (; size >= 32; p += 32, size -= 32) stripe(p);
  if (size > 0) std::memcpy(tail_, p, size);
  tail_size_ = size;
  return *this;
}

inline uint64_t Hasher::digest() const {
  uint64_t h = seed_ + kP5;
  if (total_ >= 32) {
    h = std::rotl(lane_[0], 1) + std::rotl(lane_[1], 7) + std::rotl(lane_[2], 12) + std::rotl(lane_[3], 18);
    for (uint64_t lane : lane_) h = (h ^ round(0, lane)) * kP1 + kP4;
  }
  h += total_;
  const unsigned char* p = tail_;
  size_t left = tail_size_;
  for (; left >= 8; p += 8, left -= 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    h = std::rotl(h ^ round(0, word), 27) * kP1 + kP4;
  }
  if (left >= 4) {
    uint32_t word;
    std::memcpy(&word, p, 4);
    h = std::rotl(h ^ (word * kP1), 23) * kP2 + kP3;
    p += 4;
    left -= 4;
  }
  for (; left > 0; ++p, --left) h = std::rotl(h ^ (*p * kP5), 11) * kP1;
  h = (h ^ (h >> 33)) * kP2;
  h = (h ^ (h >> 29)) * kP3;
  return h ^ (h >> 32);
}

}  // namespace encore
